import type { Address } from '../config/address.js';
import type { Timer } from '../runtime/clock.js';
import type { Socket } from '../runtime/network.js';
import { runtime } from '../runtime/runtime.js';
import { after, every, onNextTurn, uptimeMs } from '../util/clock.js';
import { formatDuration } from '../util/quantities.js';
import { JuteError, JuteFramer } from './jute.js';
import {
  authPacket,
  callPacket,
  closePacket,
  connectPacket,
  pingPacket,
  readServerPacket,
  readValue,
  readConnectResponse,
  serverPath,
} from './packets.js';
import { type ConnectRequest, type ZooKeeperCall, zookeeperCode } from './zookeeper-calls.js';
import type {
  AnyValue,
  ConnectionLoss,
  Reply,
  Session,
  ZooKeeperConnection,
} from './zookeeper-connection.js';

/** How long to wait for a server's connect response while there is another server to try. */
const connectResponseMs = 1_000;
/** How long closing the session may take if ZooKeeper hangs. */
const closeMs = 1_500;
/**
 * The longest packet that a server accepts by default. It closes the connection on a longer one
 * (jute.maxbuffer).
 */
const longestRequest = 0xfffff;
/** Replies hold the same data and a little more. Lists of names may be longer. */
const longestReply = 4 * 1024 * 1024;
const largestXid = 0x7fffffff;

type Pending = {
  readonly xid: number;
  readonly call: ZooKeeperCall;
  readonly changed: (() => void) | undefined;
  readonly sentAt: number;
  readonly settle: (reply: Reply<AnyValue>) => void;
};

/**
 * A connection over a socket of this process. It speaks the part of ZooKeeper's protocol that the agent
 * needs, and needs no compiler.
 *
 * Why not a package: `node-zookeeper-client` (1.1.3) is the only one in wide use. It has no `sync`, which
 * waymark needs to be sure of a lease. It considers a hanging server connected (its issue 13, open since
 * 2013). It can't be stopped while it connects. It doesn't refuse packets that are too long.
 */
export class SocketConnection implements ZooKeeperConnection {
  readonly kind = 'javascript';
  readonly connected: Promise<Session>;
  readonly lost: Promise<ConnectionLoss>;
  readonly #request: ConnectRequest;
  /** In the order of sending: a server answers a session's requests in order. */
  readonly #pending: Pending[] = [];
  readonly #watches = new Map<string, Set<() => void>>();
  #resolveConnected: (session: Session) => void = () => undefined;
  #resolveLost: (loss: ConnectionLoss) => void = () => undefined;
  #socket: Socket | null = null;
  #phase: 'connecting' | 'connected' | 'over' = 'connecting';
  #xid = 0;
  #timeoutMs = 0;
  #heard = true;
  #pings: Timer | undefined;

  private constructor(request: ConnectRequest) {
    this.#request = request;
    this.connected = new Promise((resolve) => {
      this.#resolveConnected = resolve;
    });
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  /** Begins to connect. Close or abandon the connection in any case. */
  static start(request: ConnectRequest): SocketConnection {
    const connection = new SocketConnection(request);
    connection.#tryServers(shuffled(request.address.servers), 'there is no server to try');
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
    const sayClose = this.#phase === 'connected' && socket !== null;
    // The server replies, and closes the connection.
    if (sayClose) socket.write(closePacket(this.#nextXid()));
    this.#end({ sessionExpired: false, reason: 'it was closed' }, zookeeperCode.closing);
    if (sayClose) await closed(socket, closeMs);
    await this.abandon();
  }

  async abandon(): Promise<void> {
    this.#end({ sessionExpired: false, reason: 'it was closed' }, zookeeperCode.closing);
    const socket = this.#socket;
    if (socket === null) return;
    socket.destroy();
    await closed(socket);
  }

  /** Tries the servers one by one. If none is left, the connection has ended. */
  #tryServers([server, ...others]: readonly Address[], reason: string): void {
    if (server === undefined) {
      this.#end({ sessionExpired: false, reason }, zookeeperCode.connectionLoss);
      return;
    }
    const { session, sessionTimeoutMs } = this.#request;
    const socket = runtime().network.connect(server);
    const framer = new JuteFramer(longestReply);
    let why = 'the server closed the connection';
    this.#socket = socket;
    const limit =
      others.length === 0
        ? undefined
        : after(connectResponseMs, () => {
            if (this.#phase === 'connecting') socket.destroy();
          });
    socket.on('connect', () => {
      socket.write(connectPacket(session, sessionTimeoutMs));
    });
    socket.on('data', (chunk: Buffer) => {
      this.#heard = true;
      try {
        for (const packet of framer.push(chunk)) this.#take(packet);
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        why = `the server sent ${error.message}`;
        socket.destroy();
      }
    });
    // 'close' follows.
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      limit?.cancel();
      if (this.#phase === 'connecting') this.#tryServers(others, why);
      else this.#end({ sessionExpired: false, reason: why }, zookeeperCode.connectionLoss);
    });
  }

  #take(packet: Buffer): void {
    switch (this.#phase) {
      case 'connecting':
        this.#establish(packet);
        return;
      case 'connected':
        this.#read(packet);
        return;
      case 'over':
        // The reply to the close request, or packets that were still on their way.
        return;
    }
  }

  #establish(packet: Buffer): void {
    const response = readConnectResponse(packet);
    if (response.session === null) {
      this.#end({ sessionExpired: true, reason: 'the session has expired' }, zookeeperCode.sessionExpired);
      this.#socket?.destroy();
      return;
    }
    const { session, timeoutMs } = response;
    this.#phase = 'connected';
    this.#timeoutMs = timeoutMs;
    // The server handles it before anything else.
    if (this.#request.digest !== null) this.#socket?.write(authPacket(this.#request.digest));
    // The server measures silence by what it receives. So pings are sent whatever else is sent.
    this.#pings = every(timeoutMs / 3, () => {
      this.#ping();
    });
    this.#resolveConnected({ ...session, timeoutMs });
  }

  #read(packet: Buffer): void {
    const read = readServerPacket(packet);
    switch (read.type) {
      case 'ping':
        return;
      case 'auth':
        if (read.code === zookeeperCode.ok) return;
        this.#giveUp('authentication failed', zookeeperCode.authFailed);
        return;
      case 'notification':
        if (read.path !== null) this.#tell(read.path);
        return;
      case 'reply': {
        const [pending] = this.#pending;
        if (pending?.xid !== read.xid)
          throw new JuteError(`a reply with xid ${String(read.xid)} out of order`);
        const { call, changed, settle } = pending;
        const ok = read.code === zookeeperCode.ok;
        // If the value can't be read, the caller gets the same code as for a lost connection.
        const value = ok ? readValue(call.kind, read.body) : null;
        this.#pending.shift();
        // The watch begins here: earlier notifications belong to earlier watches. On a node that doesn't
        // exist, `exists` sets a watch.
        const watches = ok || (call.kind === 'exists' && read.code === zookeeperCode.noNode);
        if (changed !== undefined && watches) this.#watch(call.path, changed);
        settle(ok ? { ok, value } : { ok, code: read.code });
      }
    }
  }

  #ping(): void {
    const [oldest] = this.#pending;
    if (!this.#heard) {
      // If this process itself stalled, timers run before sockets are read. So read first what has arrived.
      onNextTurn(() => {
        if (!this.#heard) this.#giveUp(`the server was silent for ${formatDuration(this.#timeoutMs / 3)}`);
      });
    } else if (oldest !== undefined && uptimeMs() - oldest.sentAt > this.#timeoutMs) {
      onNextTurn(() => {
        if (this.#pending.includes(oldest)) this.#giveUp(`no reply for ${formatDuration(this.#timeoutMs)}`);
      });
    }
    this.#heard = false;
    this.#socket?.write(pingPacket());
  }

  #giveUp(reason: string, code: number = zookeeperCode.connectionLoss): void {
    this.#end({ sessionExpired: false, reason }, code);
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

  #end(loss: ConnectionLoss, code: number): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#pings?.cancel();
    this.#resolveLost(loss);
    for (const { settle } of this.#pending.splice(0)) settle({ ok: false, code });
    for (const path of [...this.#watches.keys()]) this.#tell(path);
  }

  /** Negative xids have special meanings. */
  #nextXid(): number {
    this.#xid = this.#xid === largestXid ? 1 : this.#xid + 1;
    return this.#xid;
  }
}

/** Shuffles the servers, so that not all agents try the same one first. */
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
