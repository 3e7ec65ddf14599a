import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import {
  type Answer,
  type ConnectRequest,
  type Request,
  type SessionKey,
  type ZnodeKind,
  type ZnodeVersion,
  type ZooKeeperCall,
  type ZooKeeperValues,
  zookeeperCode,
} from './zookeeper-calls.js';

import { noZooKeeperClient } from './refusal.js';

export { type ZnodeVersion, zookeeperCode };

/** A znode's content. */
export type Znode = ZnodeVersion & { readonly data: Buffer };

/** What the server said: a value, or the number of an error. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: number };

/** A session that stands: how to go on with it, and how long it may be silent (the servers keep that within bounds). */
export type Session = SessionKey & { readonly timeoutMs: number };

/** Why a connection is over: another one can go on with the session, or it is gone with all that belonged to it. */
export type Loss = 'connection' | 'session';

/** How long the process may take to end: its goodbye to a ZooKeeper that hangs takes 1.5 s. */
const endMs = 2500;

type AnyValue = ZooKeeperValues[keyof ZooKeeperValues];
type Pending = (reply: Reply<AnyValue>) => void;

/**
 * A client that lives as long as one connection: when that breaks, make another client, which can go on with the
 * session. (The native client's own reconnecting takes up to a third of the session timeout.)
 * The connection itself is in a process of its own: see zookeeper-process.ts.
 */
export class ZooKeeperClient {
  /** Resolves when the process runs, and begins to connect; never when it doesn't come to that. */
  readonly started: Promise<void>;
  /**
   * Resolves when the session stands; never when it doesn't come to that.
   * Rejects with a WaymarkError `no-zookeeper-client` when the package can't be loaded.
   */
  readonly connected: Promise<Session>;
  /** Resolves when the connection is lost, the session has expired, the process has ended, or close() was called. */
  readonly lost: Promise<Loss>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #unansweredMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Map<number, () => void>();
  #lose: (loss: Loss) => void = () => undefined;
  #calls = 0;

  private constructor(child: ChildProcess, sessionTimeoutMs: number) {
    this.#child = child;
    this.#unansweredMs = sessionTimeoutMs;
    this.#exited = once(child, 'exit');
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    let start: () => void = () => undefined;
    this.started = new Promise((resolve) => {
      start = resolve;
    });
    let loaded = false;
    this.connected = new Promise((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if (answer.type === 'started') {
          loaded = true;
          start();
        } else if (answer.type === 'connected') resolve({ ...answer.session, timeoutMs: answer.timeoutMs });
        else if (answer.type === 'unusable') reject(noZooKeeperClient(answer.reason));
        else this.#take(answer);
      });
      child.on('exit', (code, signal) => {
        const crash = loaded ? null : crashOf(code, signal);
        if (crash !== null) reject(noZooKeeperClient(crash));
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

  /** Begins to connect; must be closed or abandoned in any case, since it keeps the process alive. */
  static start(request: ConnectRequest): ZooKeeperClient {
    const client = new ZooKeeperClient(startProcess(), request.sessionTimeoutMs);
    client.#send({ type: 'connect', ...request });
    return client;
  }

  /** Waits until the server that we are connected to knows everything that was committed before. */
  sync(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'sync', path }, () => null);
  }

  /** @param changed called once, when the node has come, changed or gone since, or nobody can tell any more. */
  exists(path: string, changed?: () => void): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'exists', path, watch: changed !== undefined }, versionOf, changed);
  }

  /** @param changed called once, when the node has changed or gone since, or nobody can tell any more. */
  get(path: string, changed?: () => void): Promise<Reply<Znode>> {
    return this.#call({ kind: 'get', path, watch: changed !== undefined }, znodeOf, changed);
  }

  /** The names of the nodes below, in no order. */
  children(path: string): Promise<Reply<readonly string[]>> {
    return this.#call({ kind: 'children', path }, namesOf);
  }

  /** Makes a node, whose parent must be there; gives its last name, with its number where it has one. */
  create(path: string, data: Buffer, as: ZnodeKind = 'persistent'): Promise<Reply<string>> {
    return this.#call({ kind: 'create', path, data, as }, lastNameOf);
  }

  set(path: string, data: Buffer, version: number): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'set', path, data, version }, versionOf);
  }

  delete(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'delete', path }, () => null);
  }

  /** Ends the session and the process; calls under way get `closing` for an answer. */
  async close(): Promise<void> {
    this.#end();
    if (this.#hasEnded()) return;
    this.#send({ type: 'close' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends the process and leaves the session as it is, for another client to go on with. */
  async abandon(): Promise<void> {
    this.#end();
    if (this.#hasEnded()) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #call<T>(call: ZooKeeperCall, read: (value: AnyValue) => T, changed?: () => void): Promise<Reply<T>> {
    this.#calls += 1;
    const id = this.#calls;
    if (changed !== undefined) this.#watches.set(id, changed);
    return new Promise((resolve) => {
      // A call unanswered for that long means a dead connection, whatever the native client believes.
      const timer = setTimeout(() => {
        this.#lose('connection');
      }, this.#unansweredMs);
      this.#pending.set(id, (reply) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        // Of a node that isn't there only `exists` is watched.
        if (!reply.ok && call.kind === 'get') this.#watches.delete(id);
        resolve(reply.ok ? { ok: true, value: read(reply.value) } : reply);
      });
      this.#send({ type: 'call', id, call });
    });
  }

  #take(answer: Exclude<Answer, { type: 'started' | 'connected' | 'unusable' }>): void {
    switch (answer.type) {
      case 'lost':
        this.#lose('connection');
        return;
      case 'expired':
        this.#lose('session');
        return;
      case 'changed':
        this.#tell(answer.id);
        return;
      case 'value':
        this.#pending.get(answer.id)?.({ ok: true, value: answer.value });
        return;
      case 'code':
        this.#pending.get(answer.id)?.({ ok: false, code: answer.code });
    }
  }

  #tell(id: number): void {
    const changed = this.#watches.get(id);
    this.#watches.delete(id);
    changed?.();
  }

  #end(): void {
    this.#lose('connection');
    for (const settle of [...this.#pending.values()]) settle({ ok: false, code: zookeeperCode.closing });
    for (const id of [...this.#watches.keys()]) this.#tell(id);
  }

  #send(request: Request): void {
    // A process that has just ended says so by itself; the error here would be the same news once more.
    if (this.#child.connected) this.#child.send(request, () => undefined);
    else this.#end();
  }
}

// What follows can't fail between two files of one version; a version made up would break compare-and-set.

function versionOf(value: AnyValue): ZnodeVersion {
  if (value === null || typeof value === 'string' || !('czxid' in value)) {
    throw new TypeError('the ZooKeeper process gave no version');
  }
  return { czxid: value.czxid, version: value.version };
}

function znodeOf(value: AnyValue): Znode {
  if (value === null || typeof value === 'string' || !('data' in value)) {
    throw new TypeError('the ZooKeeper process gave no content');
  }
  return { ...versionOf(value), data: Buffer.from(value.data) };
}

function namesOf(value: AnyValue): readonly string[] {
  if (value === null || typeof value === 'string' || 'czxid' in value) {
    throw new TypeError('the ZooKeeper process gave no names');
  }
  return value;
}

function lastNameOf(value: AnyValue): string {
  if (typeof value !== 'string') throw new TypeError('the ZooKeeper process gave no path');
  return value.slice(value.lastIndexOf('/') + 1);
}

/** How a process ends that loads a library made for another system or another Node.js; null: some other end. */
function crashOf(code: number | null, signal: NodeJS.Signals | null): string | null {
  // The dynamic loader's own way out when it doesn't find a symbol (glibc, elf/dl-minimal.c and rtld.c): code 127.
  const byLoader = code === 127;
  const byFault = signal === 'SIGSEGV' || signal === 'SIGABRT' || signal === 'SIGILL' || signal === 'SIGBUS';
  return byLoader || byFault
    ? `a process that loads it ends with ${signal ?? `exit code ${String(code)}`}`
    : null;
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
