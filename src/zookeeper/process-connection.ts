import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import {
  type Answer,
  type ConnectRequest,
  type Request,
  type ZooKeeperCall,
  zookeeperCode,
} from './zookeeper-calls.js';
import type { AnyValue, Loss, Reply, Session, ZooKeeperConnection } from './zookeeper-connection.js';

/** How long the process may take to end: its goodbye to a ZooKeeper that hangs takes 1.5 s. */
const endMs = 2500;

type Pending = (reply: Reply<AnyValue>) => void;

/** The native client can't be loaded here; the message says why. */
export class NativeClientUnusable extends Error {
  override readonly name = 'NativeClientUnusable';

  /** @param reason what loading it said. */
  constructor(reason: string) {
    // What Node says of a file that it can't load goes on for many lines.
    super(reason.split('\n')[0]);
  }
}

/**
 * A connection of the native client's, in a process of its own: see zookeeper-process.ts. (Its own reconnecting, which
 * takes up to a third of the session timeout, is not used.)
 */
export class ProcessConnection implements ZooKeeperConnection {
  readonly kind = 'native';
  /**
   * Resolves when the process runs, and begins to connect; never when it doesn't come to that.
   * Rejects with NativeClientUnusable.
   */
  readonly started: Promise<void>;
  readonly connected: Promise<Session>;
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
    let stand: (session: Session) => void = () => undefined;
    this.connected = new Promise((resolve) => {
      stand = resolve;
    });
    let loaded = false;
    this.started = new Promise((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if (answer.type === 'started') {
          loaded = true;
          resolve();
        } else if (answer.type === 'connected') stand({ ...answer.session, timeoutMs: answer.timeoutMs });
        else if (answer.type === 'unusable') reject(new NativeClientUnusable(answer.reason));
        else this.#take(answer);
      });
      child.on('exit', (code, signal) => {
        const crash = loaded ? null : crashOf(code, signal);
        if (crash !== null) reject(new NativeClientUnusable(crash));
      });
    });
    // Whoever closes before anything stands doesn't wait for it any more.
    this.started.catch(() => undefined);
    child.on('error', () => {
      this.#end();
    });
    child.on('exit', () => {
      this.#end();
    });
  }

  /** Begins to connect; must be closed or abandoned in any case, since it keeps the process alive. */
  static start(request: ConnectRequest): ProcessConnection {
    const connection = new ProcessConnection(startProcess(), request.sessionTimeoutMs);
    connection.#send({ type: 'connect', ...request });
    return connection;
  }

  call(call: ZooKeeperCall, changed?: () => void): Promise<Reply<AnyValue>> {
    this.#calls += 1;
    const id = this.#calls;
    if (changed !== undefined) this.#watches.set(id, changed);
    return new Promise((resolve) => {
      // A call unanswered for that long means a dead connection, whatever the native client believes.
      const timer = after(this.#unansweredMs, () => {
        this.#lose({ of: 'connection', reason: `no answer for ${formatDuration(this.#unansweredMs)}` });
      });
      this.#pending.set(id, (reply) => {
        timer.cancel();
        this.#pending.delete(id);
        // Of a node that isn't there only `exists` is watched.
        if (!reply.ok && call.kind === 'get') this.#watches.delete(id);
        resolve(reply);
      });
      this.#send({ type: 'call', id, call });
    });
  }

  /** Ends the session and the process; calls under way get `closing` for an answer. */
  async close(): Promise<void> {
    this.#end();
    if (this.#hasEnded()) return;
    this.#send({ type: 'close' });
    const timer = after(endMs, () => this.#child.kill('SIGKILL'));
    await this.#exited;
    timer.cancel();
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

  #take(answer: Exclude<Answer, { type: 'started' | 'connected' | 'unusable' }>): void {
    switch (answer.type) {
      case 'lost':
        this.#lose({ of: 'connection', reason: 'the native client has lost it' });
        return;
      case 'expired':
        this.#lose({ of: 'session', reason: 'the session has expired' });
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
    this.#lose({ of: 'connection', reason: 'its process has ended' });
    for (const settle of [...this.#pending.values()]) settle({ ok: false, code: zookeeperCode.closing });
    for (const id of [...this.#watches.keys()]) this.#tell(id);
  }

  #send(request: Request): void {
    // A process that has just ended says so by itself; the error here would be the same news once more.
    if (this.#child.connected) this.#child.send(request, () => undefined);
    else this.#end();
  }
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
