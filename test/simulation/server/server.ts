import type { Vendor } from '../../../src/mysql/version.js';
import { Binlog, type LoggedGroup } from './binlog.js';
import { Data } from './data.js';
import type { RowMetadata } from './events.js';
import { groupOf } from './group.js';
import { BinlogState, ExecutedGtids, formatGtid, type Gtid, type LoggedGtids } from './gtids.js';
import { OwnTables } from './own-tables.js';
import { Replication, type ReplicationStart } from './replication.js';
import type { TableDefinition } from './tables.js';
import type { Content, Transaction } from './transaction.js';

export type ServerOptions = {
  readonly vendor: Vendor;
  readonly serverId: number;
  /** Where replicas and clients reach it. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly uuid: string;
  /** MySQL's gtid_mode; MariaDB always has GTIDs. */
  readonly gtidMode?: boolean;
  readonly readOnly?: boolean;
  /** Whether what it replicates goes to its own log. */
  readonly logsUpdates?: boolean;
  /** Whether its applier commits in the source's order (`replica_preserve_commit_order`); MariaDB's always does. */
  readonly keepsOrder?: boolean;
  readonly rowMetadata?: RowMetadata;
  /** `binlog_row_event_max_size` */
  readonly mostRowBytes?: number;
  /** `binlog_transaction_compression`, or `log_bin_compress`. */
  readonly compresses?: boolean;
};

/** A client's connection, as SHOW PROCESSLIST has it. */
export type ServerSession = {
  readonly id: number;
  readonly user: string;
  readonly host: string;
  readonly command: string;
  /** The server id that a dump is asked for under; null while it is none. */
  readonly dumpsAs: number | null;
  /** Ends it at once. */
  readonly end: () => void;
};

/** The versions that the model writes like, and how MySQL's stands in its GTID events. */
const versions = { mysql: '8.4.3', mariadb: '10.11.19-MariaDB-log' } as const;
const versionNumber = 80_403;

/** What the log of a server that crashed has lost. */
export type Crash = {
  /** Its last transactions, so many, in its last file. */
  readonly lost: number;
  /** Events of the first of them that are there, none at its end: MariaDB leaves them, MySQL cuts them off. */
  readonly kept: number;
};

/**
 * A MySQL or MariaDB server: its tables, the binary log that it writes of them, and what it replicates. It has no clock of
 * its own, and does nothing by itself.
 */
export class SimulatedServer {
  readonly vendor: Vendor;
  readonly version: string;
  readonly serverId: number;
  readonly host: string;
  readonly port: number;
  readonly gtidMode: boolean;
  readonly logsUpdates: boolean;
  readonly keepsOrder: boolean;
  readonly rowMetadata: RowMetadata;
  readonly nowMs: () => number;
  readonly binlog: Binlog;
  uuid: string;
  readOnly: boolean;
  /** What it replicates from; null when it replicates from nobody. */
  replication: Replication | null = null;
  /** Those whose receivers are connected. */
  readonly replicas = new Set<SimulatedServer>();
  readonly sessions = new Set<ServerSession>();
  /** The user locks (GET_LOCK), and which session holds each. */
  readonly locks = new Map<string, number>();
  /** What agents keep here. */
  readonly ownTables = new OwnTables();
  /** What it was asked and doesn't know: nothing of it was answered. */
  readonly unknown: string[] = [];
  #data = new Data();
  #gtids: LoggedGtids;
  readonly #mostRowBytes: number;
  readonly #compresses: boolean;
  /** What is committed here, wherever it was born. */
  #has = new Set<Transaction>();
  readonly #tableIds = new Map<TableDefinition, number>();
  #up = true;
  #lastSession = 10;
  #lastXid = 0;
  #lastTableId = 17;
  #lastCommitted = 0;

  constructor(options: ServerOptions) {
    const { vendor, serverId, nowMs } = options;
    this.vendor = vendor;
    this.version = versions[vendor];
    this.serverId = serverId;
    this.host = options.host;
    this.port = options.port;
    this.uuid = options.uuid;
    this.nowMs = nowMs;
    this.gtidMode = vendor === 'mariadb' || (options.gtidMode ?? true);
    this.readOnly = options.readOnly ?? false;
    this.logsUpdates = options.logsUpdates ?? true;
    this.keepsOrder = vendor === 'mariadb' || (options.keepsOrder ?? true);
    this.rowMetadata = options.rowMetadata ?? 'FULL';
    this.#mostRowBytes = options.mostRowBytes ?? 8192;
    this.#compresses = options.compresses ?? false;
    this.#gtids = this.#noGtids();
    const base = vendor === 'mysql' ? 'binlog' : 'mysql-bin';
    this.binlog = new Binlog({ vendor, version: this.version, serverId, base, nowMs });
    this.binlog.begin(this.#gtids);
  }

  get isUp(): boolean {
    return this.#up;
  }

  get data(): Data {
    return this.#data;
  }

  /** `gtid_executed`, or `gtid_binlog_pos`. */
  get gtidText(): string {
    return this.#gtids.text;
  }

  /** `gtid_executed`, or `gtid_binlog_state`. */
  get gtidState(): string {
    return this.#gtids.state;
  }

  nextSession(): number {
    this.#lastSession += 1;
    return this.#lastSession;
  }

  /**
   * Commits something here: on the source a part of the history, on a replica an errant transaction.
   * @param domain the session's `gtid_domain_id`, on MariaDB.
   */
  commit(content: Content, connection = 8, domain = 0): Transaction {
    if (!this.#up) throw new Error(`server ${this.serverId} is down`);
    if (!this.#data.apply(content)) throw new Error('what is committed does not fit to the tables');
    const committed = this.#now();
    const transaction = {
      ...{ content, connection, committed, serverId: this.serverId },
      second: Math.floor(this.nowMs() / 1000),
      gtid: this.gtidMode ? this.#gtids.next(this, domain) : null,
    };
    this.#has.add(transaction);
    this.#write(transaction, transaction.gtid, committed);
    return transaction;
  }

  /** Commits what has come from its source; whether it fits to what is here. */
  replay(transaction: Transaction): boolean {
    const { content } = transaction;
    if (!this.#data.apply(content)) return false;
    this.#has.add(transaction);
    const rolledBack = content.kind === 'group' && content.end === 'rollback';
    const isLogged = this.logsUpdates && (!rolledBack || content.loggedByReplicas === true);
    const gtid = this.#gtidOf(transaction);
    if (isLogged) this.#write(transaction, gtid, this.#now());
    else if (gtid !== null) this.#gtids.add(gtid);
    return true;
  }

  /** Whether it has all of these, and perhaps more. */
  hasAll(gtids: LoggedGtids): boolean {
    return gtids.ends.every((gtid) => this.#gtids.came(gtid, this));
  }

  /** Whether it has written all that another one has of it: not, if it has lost the end of its log. */
  hasWritten(by: SimulatedServer): boolean {
    const next = this.#gtids.next(this);
    return by.#gtids.ends.every((gtid) => !isOf(gtid, this) || numberOf(gtid) < numberOf(next));
  }

  /** Whether what its source has is to be fetched. */
  needs({ gtid, serverId }: Transaction, byGtid: boolean): boolean {
    if (serverId === this.serverId) return false;
    const goesByGtid = byGtid || (this.vendor === 'mysql' && this.gtidMode);
    return !(goesByGtid && gtid !== null && this.#gtids.came(gtid, this));
  }

  /** Replicates from another server from now on; both threads run. Null: from nobody. */
  replicateFrom(source: SimulatedServer | null, start: ReplicationStart = { by: 'gtid' }): void {
    this.replication?.disconnect();
    this.replication = source === null ? null : new Replication(this, source, start);
  }

  has(transaction: Transaction): boolean {
    return this.#has.has(transaction);
  }

  /**
   * Goes on below another source: from the first transaction of its log that isn't here. What stands behind that and is here
   * is passed over. Whatever has come from the source before must be applied.
   */
  follow(source: SimulatedServer): void {
    const { binlog } = source;
    const groups = binlog.files.flatMap(({ name, groups: all }) =>
      all.map((group) => ({ ...group, file: name })),
    );
    const first = groups.findIndex(({ transaction }) => !this.#has.has(transaction));
    const found = groups[first];
    const place = found === undefined ? binlog.end : { file: found.file, position: found.start };
    const behind = found === undefined ? [] : groups.slice(first).map(({ transaction }) => transaction);
    const ahead = new Set(behind.filter((transaction) => this.#has.has(transaction)));
    this.replicateFrom(source, { by: 'place', place, ahead });
  }

  /** Is the source from now on. */
  promote(): void {
    this.replicateFrom(null);
    this.readOnly = false;
  }

  /** The last transaction of its log comes once more, as it was. */
  repeatLast(): void {
    const group = this.#lastGroup;
    if (group !== null) this.#write(group.transaction, this.#gtidOf(group.transaction), this.#now());
  }

  /** Whether its log ends with a hint: a statement that can be carried out twice. */
  get endsWithHint(): boolean {
    const content = this.#lastGroup?.transaction.content;
    return content?.kind === 'statement' && content.isHint;
  }

  get #lastGroup(): LoggedGroup | null {
    const file = this.binlog.files.findLast(({ groups }) => groups.length > 0);
    return file?.groups.at(-1) ?? null;
  }

  flushLogs(): void {
    this.binlog.rotate(this.#gtids);
  }

  /** Ends as it should: its log says so. */
  shutDown(): void {
    this.binlog.stop();
    this.kill();
  }

  /** Ends in an instant. Its log has all that was committed. */
  kill(): void {
    this.#up = false;
    this.replication?.disconnect();
    for (const { replication } of [...this.replicas]) replication?.disconnect();
    this.locks.clear();
    for (const { end } of [...this.sessions]) end();
    this.sessions.clear();
  }

  /** Ends in an instant, with its machine: its log loses its end. Gives what was lost, oldest first. */
  crash({ lost, kept }: Crash): readonly Transaction[] {
    this.kill();
    const file = this.binlog.current;
    const groups = file.groups.slice(Math.max(0, file.groups.length - lost));
    const [first] = groups;
    if (lost === 0 || first === undefined) return [];
    const next = file.groups[file.groups.indexOf(first) + 1];
    const events = (next?.firstEvent ?? file.events.length) - first.firstEvent;
    file.cut(first.firstEvent + (this.vendor === 'mysql' ? 0 : Math.min(kept, events - 1)));
    this.#gtids = file.gtidsBefore.copy();
    for (const { transaction } of file.groups) this.#note(transaction);
    // One that stood there twice may be there once more.
    const left = new Set(
      this.binlog.files.flatMap((each) => each.groups.map(({ transaction }) => transaction)),
    );
    const gone = groups.map(({ transaction }) => transaction).filter((transaction) => !left.has(transaction));
    for (const { content } of gone.toReversed()) this.#data.revert(content);
    for (const transaction of gone) this.#has.delete(transaction);
    this.replication?.recover(new Set(gone));
    return gone;
  }

  /** Runs again, with a new log file. */
  start(): void {
    if (this.#up) return;
    this.#up = true;
    this.replication?.recover();
    this.binlog.begin(this.#gtids);
  }

  /** RESET BINARY LOGS AND GTIDS: the log begins anew, and nothing is known of what was in it. */
  resetLogs(): void {
    for (const { dumpsAs, end } of [...this.sessions]) if (dumpsAs !== null) end();
    this.#gtids = this.#noGtids();
    this.binlog.reset(this.#gtids);
  }

  /**
   * Is made anew from a copy of another one's data while it is down: the same address and id, another log, another UUID. It
   * replicates from there, or from where that one does.
   */
  rebuild(from: SimulatedServer, uuid: string): void {
    if (this.#up) throw new Error(`server ${this.serverId} runs`);
    this.uuid = uuid;
    this.#data = from.#data.copy();
    this.#has = new Set(from.#has);
    this.#gtids = from.#gtids.copy();
    this.#tableIds.clear();
    const upstream = from.replication;
    const place = upstream?.executed ?? from.binlog.end;
    if (upstream?.hasGaps === true) throw new Error('a copy of a server that has gaps');
    this.replicateFrom(upstream?.source ?? from, { by: 'place', place });
    this.binlog.reset(this.#gtids);
    this.#up = true;
  }

  #write(transaction: Transaction, gtid: Gtid | null, committedHere: number): void {
    if (gtid !== null) this.#gtids.add(gtid);
    this.#lastXid += 1;
    const events = groupOf(transaction, {
      ...{ vendor: this.vendor, gtid, committedHere, rowMetadata: this.rowMetadata },
      mostRowBytes: this.#mostRowBytes,
      compresses: this.#compresses,
      tableId: (table) => this.#tableId(table),
      sequence: this.binlog.current.groups.length + 1,
      xid: this.#lastXid,
      serverVersion: versionNumber,
    });
    this.binlog.append(transaction, transaction.serverId, events);
  }

  #note(transaction: Transaction): void {
    const gtid = this.#gtidOf(transaction);
    if (gtid !== null) this.#gtids.add(gtid);
  }

  /** The GTID that a transaction has in this server's log. A MariaDB server gives MySQL's transactions its own. */
  #gtidOf({ gtid, serverId }: Transaction): Gtid | null {
    if (gtid?.vendor === this.vendor) return this.gtidMode ? gtid : null;
    return this.vendor === 'mariadb' ? this.#gtids.next({ uuid: this.uuid, serverId }) : null;
  }

  #noGtids(): LoggedGtids {
    return this.vendor === 'mysql' ? new ExecutedGtids() : new BinlogState();
  }

  /** A table has another number whenever its definition is another one. */
  #tableId(table: TableDefinition): number {
    const known = this.#tableIds.get(table);
    if (known !== undefined) return known;
    this.#lastTableId += 1;
    this.#tableIds.set(table, this.#lastTableId);
    return this.#lastTableId;
  }

  /** Microseconds since 1970; no two commits of a server have the same. */
  #now(): number {
    this.#lastCommitted = Math.max(this.#lastCommitted + 1, Math.floor(this.nowMs() * 1000));
    return this.#lastCommitted;
  }
}

/** Whether a GTID was born on a server. */
function isOf(gtid: Gtid, { uuid, serverId }: SimulatedServer): boolean {
  return gtid.vendor === 'mysql' ? gtid.uuid === uuid : gtid.serverId === serverId;
}

function numberOf(gtid: Gtid): number {
  return gtid.vendor === 'mysql' ? gtid.number : gtid.sequence;
}

/** A transaction's GTID as people write it; null: it has none. */
export function gtidText({ gtid }: Transaction): string | null {
  return gtid === null ? null : formatGtid(gtid);
}
