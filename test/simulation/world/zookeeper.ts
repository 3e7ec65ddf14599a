import type { Draws } from './draws.js';
import type { Machine } from './machine.js';
import type { SimulatedProcess } from './process.js';
import { ClientConnection } from './zookeeper-connection.js';
import type { ConnectPacket } from './zookeeper-packets.js';
import { type Asker, type Change, Tree, type WriteRequest, type Znode } from './zookeeper-tree.js';
import type { World } from './world.js';

const port = 2181;
/** Bounds of a session's timeout, and by how much later than promised it may end: milliseconds (tickTime of 2,000). */
const timeoutBounds = { least: 4_000, most: 40_000, tick: 2_000 } as const;
/** The first leader's epoch stands above 32 bits of a count (ZxidUtils). */
const firstZxid = 1n << 32n;
const firstSession = 0x1000_0000_0000_0000n;

/** A session, as the leader knows it. */
export type LeaderSession = {
  readonly id: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
  heardAtMs: number;
  /** The connection that goes on with it now. */
  connection: ClientConnection | null;
};

/** What a write has come to, and how many changes a server must know before it tells of it. */
export type Decision = {
  readonly code: number;
  readonly zxid: bigint;
  /** The node that was made or changed, as it was then. */
  readonly path: string;
  readonly node: Znode | null;
  readonly changes: number;
};

/**
 * An ensemble of ZooKeeper: several servers that speak its protocol, each with a tree of its own that lags behind by some,
 * and what they agree on. There is a leader as long as most of them work; which of them it is doesn't show.
 */
export class SimulatedZooKeeper {
  /** How long servers take to ask the leader, to hear from it, and to learn of a change: milliseconds, on average. */
  meanMs = 0.5;
  /** How probable it is that a write is done, and the connection breaks before its answer. */
  lostAnswers = 0;
  readonly servers: readonly ZooKeeperServer[];
  readonly draws: Draws;
  readonly #world: World;
  readonly #tree = new Tree();
  readonly #changes: { readonly zxid: bigint; readonly change: Change }[] = [];
  readonly #sessions = new Map<bigint, LeaderSession>();
  #zxid = firstZxid;
  #lastSession = firstSession;
  #awayUntilMs = -Infinity;

  /** Starts a server on each machine. */
  constructor(world: World, machines: readonly Machine[]) {
    this.#world = world;
    this.draws = world.draws.fork('zookeeper');
    this.servers = machines.map((machine) => new ZooKeeperServer(this, machine));
  }

  /** Where its servers are: `host:port,host:port`, for a connect string. */
  get addresses(): string {
    return this.servers.map(({ machine }) => `${machine.address}:${String(port)}`).join(',');
  }

  /** What has been decided: the tree as the leader has it. */
  get tree(): Tree {
    return this.#tree;
  }

  /** The sessions that live. */
  get sessions(): readonly LeaderSession[] {
    return [...this.#sessions.values()];
  }

  /** Whether anything can be decided. */
  get hasLeader(): boolean {
    const working = this.servers.filter(({ isWorking }) => isWorking);
    return this.#awayUntilMs <= this.#world.nowMs && 2 * working.length > this.servers.length;
  }

  /** Has no leader for so long: its servers end all connections. Then sessions have their whole time again. */
  away(forMs: number): void {
    this.#world.note('zookeeper: has no leader');
    this.#awayUntilMs = Math.max(this.#awayUntilMs, this.#world.nowMs + forMs);
    for (const server of this.servers) server.dropAll();
    this.#world.after(forMs, 'zookeeper: elects a leader', () => {
      for (const session of this.#sessions.values()) session.heardAtMs = this.#world.nowMs;
    });
  }

  /** Ends a session, as if nothing had been heard of it for too long. */
  expire(id: bigint): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#world.note(`zookeeper: session ${id.toString(16)} expires`);
    this.#sessions.delete(id);
    this.#decided({ kind: 'end-session', session: id });
    session.connection?.drop();
  }

  // What servers ask the leader.

  /** Something was heard of a session. */
  heard(id: bigint): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.heardAtMs = this.#world.nowMs;
  }

  /** A session for a connection: a new one, or that which it wants to go on with; null: that one is over. */
  openSession(
    { session: id, password, timeoutMs }: ConnectPacket,
    connection: ClientConnection,
  ): LeaderSession | null {
    if (id === 0n) return this.#newSession(timeoutMs, connection);
    const session = this.#sessions.get(id);
    if (session?.password.equals(password) !== true) return null;
    session.connection?.drop();
    session.connection = connection;
    session.heardAtMs = this.#world.nowMs;
    return session;
  }

  /** Decides a write of a session that goes on over that connection; null: it is another's by now, or over. */
  decide(request: WriteRequest, asker: Asker, connection: ClientConnection): Decision | null {
    if (this.#sessions.get(asker.session)?.connection !== connection) return null;
    const change = this.#tree.decide(request, asker);
    if (typeof change === 'number') return this.#decision(change, '');
    if (change.kind === 'end-session') this.#sessions.delete(change.session);
    this.#decided(change);
    return this.#decision(0, 'path' in change ? change.path : '');
  }

  /** How many changes have been decided. */
  get changes(): number {
    return this.#changes.length;
  }

  /** The changes from one on. */
  changesFrom(index: number): readonly { readonly zxid: bigint; readonly change: Change }[] {
    return this.#changes.slice(index);
  }

  #decision(code: number, path: string): Decision {
    const node = this.#tree.get(path);
    const then = node === undefined ? null : { ...node };
    return { code, path, node: then, zxid: this.#zxid, changes: this.#changes.length };
  }

  #newSession(wantedMs: number, connection: ClientConnection): LeaderSession {
    const { least, most } = timeoutBounds;
    this.#lastSession += 1n;
    this.#zxid += 1n;
    const session: LeaderSession = {
      id: this.#lastSession,
      password: this.draws.bytes(16),
      timeoutMs: Math.min(Math.max(wantedMs, least), most),
      heardAtMs: this.#world.nowMs,
      connection,
    };
    this.#sessions.set(session.id, session);
    this.#watch(session);
    return session;
  }

  #decided(change: Change): void {
    this.#zxid += 1n;
    this.#tree.apply(change, this.#zxid);
    this.#changes.push({ zxid: this.#zxid, change });
    for (const server of this.servers) server.learn();
  }

  /** Ends a session that nothing has been heard of for too long. */
  #watch(session: LeaderSession): void {
    const leftMs = session.heardAtMs + session.timeoutMs - this.#world.nowMs;
    const laterMs = this.draws.fraction() * timeoutBounds.tick;
    this.#world.after(leftMs + laterMs, 'zookeeper: looks after a session', () => {
      if (this.#sessions.get(session.id) !== session) return;
      // Who has no leader ends no sessions, and who gets one gives them their time again.
      if (!this.hasLeader) session.heardAtMs = this.#world.nowMs;
      if (session.heardAtMs + session.timeoutMs <= this.#world.nowMs) this.expire(session.id);
      else this.#watch(session);
    });
  }
}

/** One server of an ensemble. */
export class ZooKeeperServer {
  readonly machine: Machine;
  readonly zookeeper: SimulatedZooKeeper;
  /** What it knows; it outlives its process. */
  readonly tree = new Tree();
  #process: SimulatedProcess;
  #applied = 0;
  #lastZxid = 0n;
  #connections = new Set<ClientConnection>();
  #waiting: { readonly changes: number; readonly action: () => void }[] = [];

  /** Ensembles start servers. */
  constructor(zookeeper: SimulatedZooKeeper, machine: Machine) {
    this.zookeeper = zookeeper;
    this.machine = machine;
    this.#process = this.#start();
  }

  get process(): SimulatedProcess {
    return this.#process;
  }

  /** Whether it can have a part in a decision. */
  get isWorking(): boolean {
    return this.#process.isAlive && !this.#process.isStopped;
  }

  /** The last change that it knows. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** Starts it again after its process has ended. */
  restart(): void {
    if (this.#process.isAlive) return;
    this.#process = this.#start();
    this.learn();
  }

  /** It is told of changes. */
  learn(): void {
    const { zookeeper } = this;
    this.#process.after(
      zookeeper.draws.exponential(zookeeper.meanMs),
      'arrival',
      'learns of a change',
      () => {
        this.#apply();
      },
    );
  }

  /** Does something when it knows so many changes. */
  whenKnown(changes: number, action: () => void): void {
    if (this.#applied >= changes) action();
    else this.#waiting.push({ changes, action });
  }

  /** Ends all connections. */
  dropAll(): void {
    for (const connection of this.#connections) connection.drop();
  }

  #start(): SimulatedProcess {
    const process = this.machine.start('zookeeper');
    this.#connections = new Set();
    this.#waiting = [];
    this.machine.network.listen(process, port, (socket) => {
      const connection = new ClientConnection(this, process, socket);
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
    });
    return process;
  }

  #apply(): void {
    for (const { zxid, change } of this.zookeeper.changesFrom(this.#applied)) {
      this.#applied += 1;
      this.#lastZxid = zxid;
      for (const event of this.tree.apply(change, zxid)) {
        for (const connection of this.#connections) connection.tell(event);
      }
      const due = this.#waiting.filter(({ changes }) => changes <= this.#applied);
      this.#waiting = this.#waiting.filter(({ changes }) => changes > this.#applied);
      for (const { action } of due) action();
    }
  }
}
