import type { Address } from '../config/address.js';
import type { Timer } from '../runtime/clock.js';
import type { Socket } from '../runtime/network.js';
import { runtime } from '../runtime/runtime.js';
import { after, every, onNextTurn, uptimeMs } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import { JuteError, PacketCutter } from './jute.js';
import {
  authPacket,
  callPacket,
  closePacket,
  connectPacket,
  pingPacket,
  readServerPacket,
  readValue,
  readWelcome,
  serverPath,
} from './packets.js';
import { type ConnectRequest, type ZooKeeperCall, zookeeperCode } from './zookeeper-calls.js';
import type { AnyValue, Loss, Reply, Session, ZooKeeperConnection } from './zookeeper-connection.js';

/** How long a server may keep us waiting for its welcome while there is another one to turn to. */
const welcomeMs = 1_000;
/** How long the goodbye to a ZooKeeper that hangs may take. */
const goodbyeMs = 1_500;
/** What a server takes in one packet unless it is told otherwise: it ends the connection over a longer one (jute.maxbuffer). */
const longestRequest = 0xfffff;
/** Answers have as much in them and a little; lists of names may have more. */
const longestAnswer = 4 * 1024 * 1024;
const largestXid = 0x7fffffff;

type Pending = {
  readonly xid: number;
  readonly call: ZooKeeperCall;
  readonly changed: (() => void) | undefined;
  readonly sentAt: number;
  readonly settle: (reply: Reply<AnyValue>) => void;
};

/**
 * A connection over a socket of this process: ZooKeeper's protocol, as far as the agent needs it, without anything
 * compiled.
 *
 * Why no package: `node-zookeeper-client` (1.1.3), the only one in wide use, has no `sync`, by which we know a lease to
 * be ours; takes a server that has hung for connected (its issue 13, open since 2013); can't be stopped while it
 * connects; and refuses no packet for its length.
 */
export class SocketConnection implements ZooKeeperConnection {
  readonly kind = 'javascript';
  readonly connected: Promise<Session>;
  readonly lost: Promise<Loss>;
  readonly #request: ConnectRequest;
  /** In the order in which they were sent: a server answers a session's requests one after the other. */
  readonly #pending: Pending[] = [];
  readonly #watches = new Map<string, Set<() => void>>();
  #stand: (session: Session) => void = () => undefined;
  #lose: (loss: Loss) => void = () => undefined;
  #socket: Socket | null = null;
  #phase: 'connecting' | 'connected' | 'over' = 'connecting';
  #xid = 0;
  #timeoutMs = 0;
  #heard = true;
  #beat: Timer | undefined;

  private constructor(request: ConnectRequest) {
    this.#request = request;
    this.connected = new Promise((resolve) => {
      this.#stand = resolve;
    });
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  /** Begins to connect; must be closed or abandoned in any case. */
  static start(request: ConnectRequest): SocketConnection {
    const connection = new SocketConnection(request);
    connection.#turnTo(shuffled(request.address.servers), 'there is no server');
    return connection;
  }

  call(call: ZooKeeperCall, changed?: () => void): Promise<Reply<AnyValue>> {
    if (this.#phase !== 'connected') {
      const code = this.#phase === 'over' ? zookeeperCode.closing : zookeeperCode.connectionLoss;
      return Promise.resolve({ ok: false, code });
    }
    const { address, digest } = this.#request;
    const xid = this.#nextXid();
    const packet = callPacket(xid, call, { chroot: address.chroot, protect: digest !== null });
    if (packet.length > longestRequest)
      return Promise.resolve({ ok: false, code: zookeeperCode.marshalling });
    return new Promise((settle) => {
      this.#pending.push({ xid, call, changed, sentAt: uptimeMs(), settle });
      this.#socket?.write(packet);
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    const says = this.#phase === 'connected' && socket !== null;
    // The server answers, and ends the connection.
    if (says) socket.write(closePacket(this.#nextXid()));
    this.#end({ of: 'connection', reason: 'it was closed' }, zookeeperCode.closing);
    if (says) await closed(socket, goodbyeMs);
    await this.abandon();
  }

  async abandon(): Promise<void> {
    this.#end({ of: 'connection', reason: 'it was closed' }, zookeeperCode.closing);
    const socket = this.#socket;
    if (socket === null) return;
    socket.destroy();
    await closed(socket);
  }

  /** Tries one server after the other; when none is left, that's that: whoever wants more makes another connection. */
  #turnTo([server, ...others]: readonly Address[], reason: string): void {
    if (server === undefined) {
      this.#end({ of: 'connection', reason }, zookeeperCode.connectionLoss);
      return;
    }
    const { session, sessionTimeoutMs } = this.#request;
    const socket = runtime().network.connect(server);
    const cutter = new PacketCutter(longestAnswer);
    let why = 'the server has ended the connection';
    this.#socket = socket;
    const limit =
      others.length === 0
        ? undefined
        : after(welcomeMs, () => {
            if (this.#phase === 'connecting') socket.destroy();
          });
    socket.on('connect', () => {
      socket.write(connectPacket(session, sessionTimeoutMs));
    });
    socket.on('data', (chunk: Buffer) => {
      this.#heard = true;
      try {
        for (const packet of cutter.push(chunk)) this.#take(packet);
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        why = `the server has sent ${error.message}`;
        socket.destroy();
      }
    });
    // 'close' follows.
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      limit?.cancel();
      if (this.#phase === 'connecting') this.#turnTo(others, why);
      else this.#end({ of: 'connection', reason: why }, zookeeperCode.connectionLoss);
    });
  }

  #take(packet: Buffer): void {
    switch (this.#phase) {
      case 'connecting':
        this.#welcome(packet);
        return;
      case 'connected':
        this.#read(packet);
        return;
      case 'over':
        // The answer to our goodbye, or what was still under way.
        return;
    }
  }

  #welcome(packet: Buffer): void {
    const welcome = readWelcome(packet);
    if (welcome.session === null) {
      this.#end({ of: 'session', reason: 'the session has expired' }, zookeeperCode.sessionExpired);
      this.#socket?.destroy();
      return;
    }
    const { session, timeoutMs } = welcome;
    this.#phase = 'connected';
    this.#timeoutMs = timeoutMs;
    // The server reads it before anything else.
    if (this.#request.digest !== null) this.#socket?.write(authPacket(this.#request.digest));
    // What the servers count a session's silence from is what they hear, so it is sent whatever else is.
    this.#beat = every(timeoutMs / 3, () => {
      this.#ping();
    });
    this.#stand({ ...session, timeoutMs });
  }

  #read(packet: Buffer): void {
    const read = readServerPacket(packet);
    switch (read.type) {
      case 'pong':
        return;
      case 'authenticated':
        if (read.code === zookeeperCode.ok) return;
        this.#giveUp('authentication failed', zookeeperCode.authFailed);
        return;
      case 'changed':
        if (read.path !== null) this.#tell(read.path);
        return;
      case 'reply': {
        const [pending] = this.#pending;
        if (pending?.xid !== read.xid)
          throw new JuteError(`an answer to ${String(read.xid)}, which is out of turn`);
        const { call, changed, settle } = pending;
        const ok = read.code === zookeeperCode.ok;
        // Who is answered with what can't be read learns of it as of a lost connection.
        const value = ok ? readValue(call.kind, read.body) : null;
        this.#pending.shift();
        // From here on: what was told before was about an earlier watch. A node that isn't there is watched by `exists`.
        const watches = ok || (call.kind === 'exists' && read.code === zookeeperCode.noNode);
        if (changed !== undefined && watches) this.#watch(call.path, changed);
        settle(ok ? { ok, value } : { ok, code: read.code });
      }
    }
  }

  #ping(): void {
    const [oldest] = this.#pending;
    if (!this.#heard) {
      // When this process stood still itself, timers run before sockets are read: what has come counts.
      onNextTurn(() => {
        if (!this.#heard) this.#giveUp(`no word for ${formatDuration(this.#timeoutMs / 3)}`);
      });
    } else if (oldest !== undefined && uptimeMs() - oldest.sentAt > this.#timeoutMs) {
      onNextTurn(() => {
        if (this.#pending.includes(oldest)) this.#giveUp(`no answer for ${formatDuration(this.#timeoutMs)}`);
      });
    }
    this.#heard = false;
    this.#socket?.write(pingPacket());
  }

  #giveUp(reason: string, code: number = zookeeperCode.connectionLoss): void {
    this.#end({ of: 'connection', reason }, code);
    this.#socket?.destroy();
  }

  #watch(path: string, changed: () => void): void {
    const key = serverPath(this.#request.address.chroot, path);
    const watches = this.#watches.get(key);
    if (watches === undefined) this.#watches.set(key, new Set([changed]));
    else watches.add(changed);
  }

  #tell(path: string): void {
    const watches = this.#watches.get(path);
    this.#watches.delete(path);
    for (const changed of watches ?? []) changed();
  }

  #end(loss: Loss, code: number): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#beat?.cancel();
    this.#lose(loss);
    for (const { settle } of this.#pending.splice(0)) settle({ ok: false, code });
    for (const path of [...this.#watches.keys()]) this.#tell(path);
  }

  /** Negative ones have a meaning of their own. */
  #nextXid(): number {
    this.#xid = this.#xid === largestXid ? 1 : this.#xid + 1;
    return this.#xid;
  }
}

/** So that not everybody turns to the same server. */
function shuffled(servers: readonly Address[]): Address[] {
  return servers
    .map((server) => ({ server, at: runtime().random.fraction() }))
    .sort((one, other) => one.at - other.at)
    .map(({ server }) => server);
}

/** Resolves when the socket is closed, or after `ms`. */
function closed(socket: Socket, ms?: number): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : after(ms, resolve);
    socket.once('close', () => {
      timer?.cancel();
      resolve();
    });
  });
}
