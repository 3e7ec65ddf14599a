import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { hostname, uptime } from 'node:os';
import type { Clock, Timer } from './clock.js';
import type { Machine } from './machine.js';
import type { Network } from './network.js';
import { nodeDisk } from './node-disk.js';
import type { Random } from './random.js';

/** By how much the system's uptime is ahead of `performance.now()`: more after each time that it was suspended. */
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
   * `performance.now()` stands still while the machine is suspended (CLOCK_MONOTONIC on Linux, clock_gettime(2)). Node has
   * the other clock (CLOCK_BOOTTIME, /proc/uptime) as the system's uptime, to a hundredth of a second or worse; this one
   * is as fine as `performance.now()` and never behind either.
   *
   * A virtual machine that is paused from outside can't notice it by any clock of its own.
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
  // A Unix socket knows neither.
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
      // Another user's may not be sent a signal, and is there.
      return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
    }
  },
};

/** The real one: this process, its machine and its network. */
export const nodeRuntime = { clock, network, disk: nodeDisk, random, machine, hasThreads: true };
