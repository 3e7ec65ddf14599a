import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import {
  type Answer,
  type Request,
  type ZnodeVersion,
  type ZooKeeperCall,
  type ZooKeeperValues,
  zookeeperCode,
} from './zookeeper-calls.js';

export { type ZnodeVersion, zookeeperCode };

/** A znode's content. */
export type Znode = ZnodeVersion & { readonly data: Buffer };

/** What the server said: a value, or the number of an error. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: number };

/** How long the process may take to end: its goodbye to a ZooKeeper that hangs takes 1.5 s. */
const endMs = 2500;

type AnyValue = ZooKeeperValues[keyof ZooKeeperValues];
type Pending = (reply: Reply<AnyValue>) => void;

/**
 * A client that lives as long as one connection: when that breaks, make another client. (The store has nothing that
 * belongs to a session, and the native client's own reconnecting takes up to a third of the session timeout.)
 * The connection itself is in a process of its own: see zookeeper-process.ts.
 */
export class ZooKeeperClient {
  /** Resolves when the session stands; never when it doesn't come to that; rejects when the package can't be loaded. */
  readonly connected: Promise<void>;
  /** Resolves when the connection is lost, the session has expired, the process has ended, or close() was called. */
  readonly lost: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #unansweredMs: number;
  readonly #pending = new Map<number, Pending>();
  #lose: () => void = () => undefined;
  #calls = 0;

  private constructor(child: ChildProcess, sessionTimeoutMs: number) {
    this.#child = child;
    this.#unansweredMs = sessionTimeoutMs;
    this.#exited = once(child, 'exit');
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.connected = new Promise((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if (answer.type === 'connected') resolve();
        else if (answer.type === 'unusable')
          reject(new Error(`the package zookeeper can't be used: ${answer.reason}`));
        else this.#take(answer);
      });
    });
    // Whoever closes before anything stands doesn't wait for it any more.
    this.connected.catch(() => undefined);
    child.on('error', () => {
      this.#end();
    });
    child.on('exit', () => {
      this.#end();
    });
  }

  /**
   * Begins to connect; must be closed in any case, since it keeps the process alive.
   * @param connect IP addresses and ports; names would be looked up synchronously.
   */
  static start(connect: string, sessionTimeoutMs: number): ZooKeeperClient {
    const child = startProcess();
    const client = new ZooKeeperClient(child, sessionTimeoutMs);
    client.#send({ type: 'connect', connect, sessionTimeoutMs });
    return client;
  }

  /** Waits until the server that we are connected to knows everything that was committed before. */
  sync(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'sync', path }, () => null);
  }

  exists(path: string): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'exists', path }, versionOf);
  }

  get(path: string): Promise<Reply<Znode>> {
    return this.#call({ kind: 'get', path }, znodeOf);
  }

  /** A persistent node; its parent must be there. */
  create(path: string, data: Buffer): Promise<Reply<null>> {
    return this.#call({ kind: 'create', path, data }, () => null);
  }

  set(path: string, data: Buffer, version: number): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'set', path, data, version }, versionOf);
  }

  /** Ends the session and the process; calls under way get `closing` for an answer. */
  async close(): Promise<void> {
    this.#end();
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    this.#send({ type: 'close' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #call<T>(call: ZooKeeperCall, read: (value: AnyValue) => T): Promise<Reply<T>> {
    this.#calls += 1;
    const id = this.#calls;
    return new Promise((resolve) => {
      // A call unanswered for that long means a dead connection, whatever the native client believes.
      const timer = setTimeout(() => {
        this.#lose();
      }, this.#unansweredMs);
      this.#pending.set(id, (reply) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(reply.ok ? { ok: true, value: read(reply.value) } : reply);
      });
      this.#send({ type: 'call', id, call });
    });
  }

  #take(answer: Exclude<Answer, { type: 'connected' | 'unusable' }>): void {
    switch (answer.type) {
      case 'lost':
        this.#lose();
        return;
      case 'value':
        this.#pending.get(answer.id)?.({ ok: true, value: answer.value });
        return;
      case 'code':
        this.#pending.get(answer.id)?.({ ok: false, code: answer.code });
    }
  }

  #end(): void {
    this.#lose();
    for (const settle of [...this.#pending.values()]) settle({ ok: false, code: zookeeperCode.closing });
  }

  #send(request: Request): void {
    // A process that has just ended says so by itself; the error here would be the same news once more.
    if (this.#child.connected) this.#child.send(request, () => undefined);
    else this.#end();
  }
}

function versionOf(value: AnyValue): ZnodeVersion {
  // Not possible between two files of one version; a version made up would break compare-and-set.
  if (value === null) throw new TypeError('the ZooKeeper process gave no version');
  return { czxid: value.czxid, version: value.version };
}

function znodeOf(value: AnyValue): Znode {
  if (value === null || !('data' in value)) throw new TypeError('the ZooKeeper process gave no content');
  return { ...versionOf(value), data: Buffer.from(value.data) };
}

/** Run from source (in tests), the process needs the loader that runs TypeScript. */
function startProcess(): ChildProcess {
  const source = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(`./zookeeper-process.${source ? 'ts' : 'js'}`, import.meta.url));
  return fork(path, [], {
    execArgv: source ? ['--import', 'tsx'] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
