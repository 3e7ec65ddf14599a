import { compareCoordinates, type Coordinates, firstPosition } from '../../../src/binlog/coordinates.js';
import type { LoggedGroup } from './binlog.js';
import type { SimulatedServer } from './server.js';
import { nameOf } from './tables.js';
import { tablesOf, touchedBy, type Transaction } from './transaction.js';

/** A transaction that has come and isn't applied yet, or not all before it is. */
type Relayed = { readonly transaction: Transaction; readonly end: Coordinates; applied: boolean };

/** Why a thread has stopped; number 0: nothing is wrong. */
type ThreadError = { readonly number: number; readonly message: string };

const noError: ThreadError = { number: 0, message: '' };

/** Where a replica begins to read its source. */
export type ReplicationStart =
  | { readonly by: 'gtid' }
  | {
      readonly by: 'place';
      readonly place: Coordinates;
      /** What stands behind the place and is here already. */
      readonly ahead?: ReadonlySet<Transaction>;
    };

/**
 * How a server replicates from another one. Nothing happens by itself: whoever drives the model says when the receiver
 * fetches and which transaction the applier commits next.
 */
export class Replication {
  readonly source: SimulatedServer;
  readonly byGtid: boolean;
  /** Seconds that the applier waits on purpose. */
  delaySeconds = 0;
  /** The domain that is not applied for now: its appliers are at a transaction that takes long. MySQL has 0. Null: none. */
  heldDomain: number | null = null;
  /** Whether the threads were started, and have not stopped since. */
  receiverStarted = true;
  applierStarted = true;
  receiverError = noError;
  applierError = noError;
  readonly #own: SimulatedServer;
  #connected = false;
  /** The source's id, as the receiver last heard it. */
  #sourceServerId = 0;
  #received: Coordinates;
  #executed: Coordinates;
  #relay: Relayed[] = [];
  /** What was applied before something that stands before it in the source's log. */
  #ahead = new Set<Transaction>();

  constructor(own: SimulatedServer, source: SimulatedServer, start: ReplicationStart) {
    this.#own = own;
    this.source = source;
    this.byGtid = start.by === 'gtid';
    this.#received = start.by === 'gtid' ? { file: '', position: firstPosition } : start.place;
    this.#executed = this.#received;
    if (start.by === 'place') this.#ahead = new Set(start.ahead);
  }

  /** Whether the receiver is connected to its source. */
  get connected(): boolean {
    return this.#connected && this.receiverStarted && this.source.isUp;
  }

  get sourceServerId(): number {
    return this.#sourceServerId;
  }

  /** How far the source's log has come here. */
  get received(): Coordinates {
    return this.#received;
  }

  /** How far the source's log has been applied without a gap. */
  get executed(): Coordinates {
    return this.#relay.length === 0 ? this.#received : this.#executed;
  }

  /** Whether something was applied before what stands before it in the source's log. */
  get hasGaps(): boolean {
    return this.#ahead.size > 0;
  }

  /** What has come and isn't applied. */
  get waiting(): readonly Transaction[] {
    return this.#relay.filter(({ applied }) => !applied).map(({ transaction }) => transaction);
  }

  /** Seconds_Behind_Source. */
  get lagSeconds(): number | null {
    if (!this.connected || !this.applierStarted) return null;
    const [next] = this.waiting;
    return next === undefined ? 0 : Math.max(0, Math.floor(this.#own.nowMs() / 1000) - next.second);
  }

  /** The connection to the source is lost; the receiver makes another one when it fetches next. */
  disconnect(): void {
    this.#connected = false;
    this.source.replicas.delete(this.#own);
  }

  startReceiver(): void {
    this.receiverStarted = true;
    this.receiverError = noError;
  }

  stopReceiver(error = noError): void {
    this.receiverStarted = false;
    this.receiverError = error;
    this.disconnect();
  }

  startApplier(): void {
    this.applierStarted = true;
    this.applierError = noError;
  }

  stopApplier(error = noError): void {
    this.applierStarted = false;
    this.applierError = error;
  }

  /** Fetches what the source has behind what has come, so many transactions at most; gives how many have come. */
  receive(most = Number.POSITIVE_INFINITY): number {
    if (!this.#own.isUp || !this.receiverStarted || !this.#connect()) return 0;
    const { binlog } = this.source;
    let count = 0;
    while (count < most) {
      const file = binlog.file(this.#received.file);
      if (file === null || this.#received.position > file.size) {
        this.stopReceiver({ number: 13114, message: noSuchPlace(file === null) });
        return count;
      }
      const group = nextGroup(file.groups, this.#received.position);
      if (group !== null) {
        if (this.#take(group, { file: file.name, position: group.end })) count += 1;
        continue;
      }
      const next = binlog.behind(file);
      this.#received = { file: next?.name ?? file.name, position: next === null ? file.size : firstPosition };
      if (next === null) break;
    }
    return count;
  }

  /**
   * Which of the next transactions, by their place among those that have come, may be committed next: one that keeps the
   * source's order commits the first one alone, of each of MariaDB's domains.
   * @param window how many the applier looks at.
   */
  applicable(window = 1): number[] {
    if (!this.#own.isUp || !this.applierStarted) return [];
    const isDue = ({ second }: Transaction): boolean =>
      this.delaySeconds === 0 || second + this.delaySeconds <= this.#own.nowMs() / 1000;
    const found: number[] = [];
    const before: Transaction[] = [];
    for (const [index, { transaction, applied }] of this.#relay.entries()) {
      // Behind what is held all else goes on.
      const isHeld = this.heldDomain !== null && domainOf(transaction) === this.heldDomain;
      if ((this.heldDomain === null && index >= Math.max(window, 1)) || !isDue(transaction)) break;
      if (applied) continue;
      const waits = (other: Transaction): boolean =>
        (this.#own.keepsOrder && domainOf(other) === domainOf(transaction)) || isConflict(other, transaction);
      if (!isHeld && !before.some(waits)) found.push(index);
      before.push(transaction);
    }
    return found;
  }

  /**
   * Commits one of {@link applicable}.
   * @returns null when it doesn't fit to what the server has: then the applier has stopped.
   */
  apply(index = 0): Transaction | null {
    const relayed = this.#relay[index];
    if (relayed === undefined || relayed.applied) throw new RangeError(`nothing to apply at ${index}`);
    const { transaction } = relayed;
    if (!this.#own.replay(transaction)) {
      this.stopApplier({ number: 1032, message: "Could not execute an event: Can't find record in a table" });
      return null;
    }
    relayed.applied = true;
    this.#ahead.add(transaction);
    for (let first = this.#relay[0]; first?.applied === true; first = this.#relay[0]) {
      this.#executed = first.end;
      this.#ahead.delete(first.transaction);
      this.#relay.shift();
    }
    return transaction;
  }

  /**
   * The server was restarted: what had come and wasn't applied is fetched again.
   * @param lost what its log has lost.
   */
  recover(lost: ReadonlySet<Transaction> = new Set()): void {
    const executed = this.executed;
    this.disconnect();
    this.#relay = [];
    this.#received = executed;
    this.#executed = executed;
    const first = lost.size === 0 ? null : this.#placeOfFirst(lost);
    if (first === null) return;
    // What is behind the first one that was lost and is still there is passed over when it comes again.
    const kept = this.#own.binlog.files.flatMap(({ groups }) => groups.map(({ transaction }) => transaction));
    this.#ahead = new Set(kept);
    if ((compareCoordinates(first, executed) ?? 0) > 0) return;
    this.#received = first;
    this.#executed = first;
  }

  #placeOfFirst(lost: ReadonlySet<Transaction>): Coordinates | null {
    for (const { name, groups } of this.source.binlog.files) {
      const group = groups.find(({ transaction }) => lost.has(transaction));
      if (group !== undefined) return { file: name, position: group.start };
    }
    return null;
  }

  #connect(): boolean {
    const { source } = this;
    if (!source.isUp) this.#connected = false;
    if (!source.isUp || this.#connected) return this.#connected;
    if (source.vendor === 'mysql' && this.#own.vendor === 'mysql' && source.gtidMode !== this.#own.gtidMode) {
      this.stopReceiver({
        number: 13117,
        message: 'The replica receiver thread cannot start: GTID_MODE differs',
      });
      return false;
    }
    if (this.byGtid && this.#relay.length === 0 && !this.#beginByGtid()) return false;
    this.#connected = true;
    this.#sourceServerId = source.serverId;
    source.replicas.add(this.#own);
    return true;
  }

  /** The source looks where the first transaction stands that isn't here; whether it can know. */
  #beginByGtid(): boolean {
    const { source } = this;
    const [oldest] = source.binlog.files;
    const message = !source.hasWritten(this.#own)
      ? tooMany
      : oldest === undefined || !this.#own.hasAll(oldest.gtidsBefore)
        ? purged
        : null;
    if (message !== null) this.stopReceiver({ number: 13114, message });
    else this.#received = { file: oldest?.name ?? '', position: firstPosition };
    return message === null;
  }

  /** Whether it is to be applied; what isn't counts as executed as soon as all before it is. */
  #take({ transaction }: LoggedGroup, end: Coordinates): boolean {
    const isKnown = this.#ahead.delete(transaction) || !this.#own.needs(transaction, this.byGtid);
    if (!isKnown) {
      if (this.#relay.length === 0) this.#executed = this.#received;
      this.#relay.push({ transaction, end, applied: false });
    }
    this.#received = end;
    return !isKnown;
  }
}

/** MariaDB's replication domain, each of which has an order of its own; MySQL has one alone. */
function domainOf({ gtid }: Transaction): number {
  return gtid?.vendor === 'mariadb' ? gtid.domain : 0;
}

function nextGroup(groups: readonly LoggedGroup[], position: number): LoggedGroup | null {
  let index = groups.length;
  while ((groups[index - 1]?.start ?? -1) >= position) index -= 1;
  return groups[index] ?? null;
}

function isConflict(earlier: Transaction, later: Transaction): boolean {
  const touched = touchedBy(earlier);
  for (const what of touchedBy(later)) if (touched.has(what)) return true;
  return isOfTable(earlier, later) || isOfTable(later, earlier);
}

/** Whether one of two changes a table that the other one goes by. */
function isOfTable({ content }: Transaction, other: Transaction): boolean {
  return (
    content.kind === 'statement' &&
    content.alters !== null &&
    tablesOf(other).has(nameOf(content.alters.after))
  );
}

/** The source has lost what is here, or what is missing here. */
const tooMany =
  "Got fatal error 1236 from source when reading data from binary log: 'Replica has more GTIDs than the source has, using the source's SERVER_UUID'";
const purged =
  "Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate because the source purged required binary logs'";

function noSuchPlace(isGone: boolean): string {
  const why = isGone
    ? 'Could not find first log file name in binary log index file'
    : 'Client requested source to start replication from position > file size';
  return `Got fatal error 1236 from source when reading data from binary log: '${why}'`;
}
