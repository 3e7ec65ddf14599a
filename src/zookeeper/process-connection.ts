import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import {
  type MessageFromProcess,
  type ConnectRequest,
  type MessageToProcess,
  type ZooKeeperCall,
  zookeeperCode,
} from './zookeeper-calls.js';
import type {
  AnyValue,
  ConnectionLoss,
  Reply,
  Session,
  ZooKeeperConnection,
} from './zookeeper-connection.js';

/** How long the process may take to end. Closing its session takes 1.5 s if ZooKeeper hangs. */
const endMs = 2500;

type Pending = (reply: Reply<AnyValue>) => void;

/** The native client can't be loaded here. The message says why. */
export class NativeClientUnusable extends Error {
  override readonly name = 'NativeClientUnusable';

  /** @param reason the error of loading it. */
  constructor(reason: string) {
    // Node's error for a file that it can't load has many lines.
    super(reason.split('\n')[0]);
  }
}

/**
 * A connection of the native client, in a process of its own (see zookeeper-process.ts). The native client's
 * own reconnecting isn't used, because it takes up to a third of the session timeout.
 */
export class ProcessConnection implements ZooKeeperConnection {
  readonly kind = 'native';
  /**
   * Resolves when the process runs and begins to connect. Stays pending if that never happens. Rejects with
   * NativeClientUnusable.
   */
  readonly started: Promise<void>;
  readonly connected: Promise<Session>;
  readonly lost: Promise<ConnectionLoss>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #replyTimeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Map<number, () => void>();
  #resolveLost: (loss: ConnectionLoss) => void = () => undefined;
  #calls = 0;

  private constructor(child: ChildProcess, sessionTimeoutMs: number) {
    this.#child = child;
    this.#replyTimeoutMs = sessionTimeoutMs;
    this.#exited = once(child, 'exit');
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    let resolveConnected: (session: Session) => void = () => undefined;
    this.connected = new Promise((resolve) => {
      resolveConnected = resolve;
    });
    let loaded = false;
    this.started = new Promise((resolve, reject) => {
      child.on('message', (message: MessageFromProcess) => {
        if (message.type === 'started') {
          loaded = true;
          resolve();
        } else if (message.type === 'connected')
          resolveConnected({ ...message.session, timeoutMs: message.timeoutMs });
        else if (message.type === 'unusable') reject(new NativeClientUnusable(message.reason));
        else this.#take(message);
      });
      child.on('exit', (code, signal) => {
        const crash = loaded ? null : crashOf(code, signal);
        if (crash !== null) reject(new NativeClientUnusable(crash));
      });
    });
    // If somebody closes the connection before that, nobody waits for it.
    this.started.catch(() => undefined);
    child.on('error', () => {
      this.#end();
    });
    child.on('exit', () => {
      this.#end();
    });
  }

  /** Begins to connect. Close or abandon the connection in any case: it keeps the process alive. */
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
      // If a call stays unanswered for this long, the connection is dead, even if the native client doesn't
      // notice.
      const timer = after(this.#replyTimeoutMs, () => {
        this.#resolveLost({
          sessionExpired: false,
          reason: `no reply for ${formatDuration(this.#replyTimeoutMs)}`,
        });
      });
      this.#pending.set(id, (reply) => {
        timer.cancel();
        this.#pending.delete(id);
        // On a node that doesn't exist, only `exists` sets a watch.
        if (!reply.ok && call.kind === 'get') this.#watches.delete(id);
        resolve(reply);
      });
      this.#send({ type: 'call', id, call });
    });
  }

  /** Ends the session and the process. Pending calls get the code `closing`. */
  async close(): Promise<void> {
    this.#end();
    if (this.#hasEnded()) return;
    this.#send({ type: 'close' });
    const timer = after(endMs, () => this.#child.kill('SIGKILL'));
    await this.#exited;
    timer.cancel();
  }

  /** Ends the process. The session stays open, so that another client can go on with it. */
  async abandon(): Promise<void> {
    this.#end();
    if (this.#hasEnded()) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #take(message: Exclude<MessageFromProcess, { type: 'started' | 'connected' | 'unusable' }>): void {
    switch (message.type) {
      case 'lost':
        this.#resolveLost({ sessionExpired: false, reason: 'the native client lost the connection' });
        return;
      case 'expired':
        this.#resolveLost({ sessionExpired: true, reason: 'the session has expired' });
        return;
      case 'changed':
        this.#tell(message.id);
        return;
      case 'value':
        this.#pending.get(message.id)?.({ ok: true, value: message.value });
        return;
      case 'code':
        this.#pending.get(message.id)?.({ ok: false, code: message.code });
    }
  }

  #tell(id: number): void {
    const changed = this.#watches.get(id);
    this.#watches.delete(id);
    changed?.();
  }

  #end(): void {
    this.#resolveLost({ sessionExpired: false, reason: "the native client's process has ended" });
    for (const settle of [...this.#pending.values()]) settle({ ok: false, code: zookeeperCode.closing });
    for (const id of [...this.#watches.keys()]) this.#tell(id);
  }

  #send(message: MessageToProcess): void {
    // If the process has just ended, 'exit' reports it. The error here would only say it again.
    if (this.#child.connected) this.#child.send(message, () => undefined);
    else this.#end();
  }
}

/**
 * Returns how the process died if it loaded a library made for another system or another Node.js. Null: it
 * ended in another way.
 */
function crashOf(code: number | null, signal: NodeJS.Signals | null): string | null {
  // The dynamic loader exits with 127 if a symbol is missing (glibc, elf/dl-minimal.c and rtld.c).
  const byLoader = code === 127;
  const byFault = signal === 'SIGSEGV' || signal === 'SIGABRT' || signal === 'SIGILL' || signal === 'SIGBUS';
  return byLoader || byFault
    ? `a process that loads it ends with ${signal ?? `exit code ${String(code)}`}`
    : null;
}

/** Starts the process. From source (in tests), it needs the loader for TypeScript. */
function startProcess(): ChildProcess {
  const source = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(`./zookeeper-process.${source ? 'ts' : 'js'}`, import.meta.url));
  return fork(path, [], {
    execArgv: source ? ['--import', 'tsx'] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
