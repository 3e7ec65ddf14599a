import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { hostname, uptime } from 'node:os';
import type { Clock, Timer } from './clock.js';
import type { Machine } from './machine.js';
import type { Network } from './network.js';
import { nodeDisk } from './node-disk.js';
import type { Random } from './random.js';

/** How far the system's uptime is ahead of `performance.now()`. It grows with each suspension. */
let aheadMs = -Infinity;

class Timeout implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(ms: number, action: () => void) {
    this.#timeout = setTimeout(action, ms);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  unref(): void {
    this.#timeout.unref();
  }
}

class Turn implements Timer {
  readonly #immediate: NodeJS.Immediate;

  constructor(action: () => void) {
    this.#immediate = setImmediate(action);
  }

  cancel(): void {
    clearImmediate(this.#immediate);
  }

  unref(): void {
    this.#immediate.unref();
  }
}

const clock: Clock = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  /**
   * `performance.now()` stands still while the machine is suspended (CLOCK_MONOTONIC on Linux, clock_gettime(2)). The
   * clock that goes on (CLOCK_BOOTTIME) is available in Node as the system's uptime (/proc/uptime), to a hundredth of a
   * second or worse. This clock combines the two. It is as fine as `performance.now()`, and never behind either.
   *
   * A virtual machine can't notice by any clock of its own that it was paused from outside.
   */
  uptimeMs() {
    const monotonicMs = performance.now();
    aheadMs = Math.max(aheadMs, uptime() * 1000 - monotonicMs);
    return monotonicMs + aheadMs;
  },
  after: (ms, action) => new Timeout(ms, action),
  turn: (action) => new Turn(action),
};

const network: Network = {
  // A Unix socket has neither option.
  connect: (target) => connect('path' in target ? target : { ...target, noDelay: true, keepAlive: true }),
  async addressesOf(host) {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => address);
  },
};

const random: Random = { bytes: randomBytes, fraction: Math.random };

const machine: Machine = {
  get name() {
    return hostname();
  },
  pid: process.pid,
  hasProcess(pid) {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // Another user's process exists, although this process may not signal it (EPERM).
      return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
    }
  },
};

/** The real runtime: this process, its machine and its network. */
export const nodeRuntime = { clock, network, disk: nodeDisk, random, machine, hasThreads: true };
