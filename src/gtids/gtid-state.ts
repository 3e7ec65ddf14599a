import { EventType, eventType, headerBytes } from '../binlog/event.js';
import { type NumberInDomain, numberInDomain } from '../binlog/mariadb-gtid.js';
import { WaymarkError } from '../util/errors.js';
import { readGtidList } from './gtid-list.js';
import { GtidSet } from './gtid-set.js';
import { readSet } from './gtid-set-bytes.js';

/** What doesn't matter when two logs are compared. */
export type Immaterial = {
  /** A MySQL server whose own transactions don't matter. */
  readonly uuid?: string;
  /** A MariaDB server whose own transactions don't matter. */
  readonly serverId?: number | null;
  /** What of these own transactions matters all the same, by the servers upstream. */
  readonly history?: GtidState | null;
  /**
   * A state whose MariaDB domains don't matter if the log doesn't know them: they were deleted there, or never read.
   */
  readonly older?: GtidState | null;
};

/**
 * The transactions that a log has up to a place, by their GTIDs.
 *
 * MySQL's part is a GTID set. MariaDB's part is like `@@gtid_binlog_state`: the highest number of each pair of domain
 * and server id. Numbers ascend for each pair, and not for each domain. So a number that isn't beyond its pair's last
 * one is in the log. If a pair is unknown, its number is held against the highest one of its domain: then a pair that
 * is older than the log counts as in it.
 */
export class GtidState {
  readonly #mysql: GtidSet;
  /** The highest number of each `domain-server`. */
  readonly #pairs = new Map<string, bigint>();
  /** The highest number of each domain. */
  readonly #domains = new Map<string, bigint>();

  private constructor(mysql: GtidSet) {
    this.#mysql = mysql;
  }

  /** Returns the state of a log in which no transaction has a GTID. */
  static empty(): GtidState {
    return new GtidState(new GtidSet());
  }

  /**
   * Reads what {@link toString} has written.
   * @throws WaymarkError `usage` for anything else.
   */
  static parse(text: string): GtidState {
    const parts = text.replace(/\s/g, '').split(',').filter(Boolean);
    const state = new GtidState(GtidSet.parse(parts.filter((part) => part.includes(':')).join(',')));
    for (const part of parts) if (!part.includes(':')) state.#note(part);
    return state;
  }

  /**
   * Reads the event at the beginning of a log file that tells what came before the file: PREVIOUS_GTIDS (MySQL) or
   * GTID_LIST (MariaDB). Null for any other event.
   * @throws WaymarkError `protocol` if the event is malformed.
   */
  static ofHead(buffer: Buffer, start: number, end: number): GtidState | null {
    switch (eventType(buffer, start)) {
      case EventType.previousGtids:
        return new GtidState(GtidSet.of(readSet(buffer.subarray(start + headerBytes, end))));
      case EventType.mariadbGtidList: {
        const state = GtidState.empty();
        for (const { domainId, serverId, sequence } of readGtidList(buffer, start, end)) {
          state.#notePair(String(domainId), `${domainId}-${serverId}`, sequence);
        }
        return state;
      }
      default:
        return null;
    }
  }

  /** Adds the next transaction of the log. Null: it has no GTID. */
  add(gtid: string | null): void {
    if (gtid === null) return;
    // Only MySQL's GTIDs have a colon.
    if (gtid.includes(':')) this.#mysql.add(gtid);
    else this.#note(gtid);
  }

  /** Whether the log has the transaction. */
  has(gtid: string): boolean {
    if (gtid.includes(':')) return this.#mysql.contains(gtid);
    const { domain, pair, sequence } = partsOf(gtid);
    const last = this.#lastOf(pair, domain);
    return last !== null && sequence <= last;
  }

  /**
   * Whether the log is known to have the transaction by its very pair. A pair that is unknown here isn't taken for an
   * older one.
   */
  lists(gtid: string): boolean {
    if (gtid.includes(':')) return this.#mysql.contains(gtid);
    const { pair, sequence } = partsOf(gtid);
    return sequence <= (this.#pairs.get(pair) ?? -1n);
  }

  /** Whether the log has everything that another log has, apart from what doesn't matter. */
  includes(
    other: GtidState,
    { uuid = '', serverId = null, history, older = null }: Immaterial = {},
  ): boolean {
    const matters = history ?? GtidState.empty();
    if (!this.#mysql.includes(other.#mysql, uuid, matters.#mysql)) return false;
    for (const [pair, last] of other.#pairs) {
      const [domain = '', server] = pair.split('-');
      const most = Number(server) === serverId ? matters.#pairs.get(pair) : last;
      if (most === undefined) continue;
      const number = most < last ? most : last;
      const known = this.#lastOf(pair, domain) ?? (older === null ? null : older.#lastOf(pair, domain));
      if (known === null || number > known) return false;
    }
    return true;
  }

  /** The part of it that a server has written itself. */
  ownOf({ uuid, serverId }: { readonly uuid: string; readonly serverId: number }): GtidState {
    const own = new GtidState(this.#mysql.ownOf(uuid));
    for (const [pair, number] of this.#pairs) {
      const [domain = '', server] = pair.split('-');
      if (Number(server) === serverId) own.#notePair(domain, pair, number);
    }
    return own;
  }

  /** Adds everything that another log has. */
  addAll(other: GtidState): void {
    this.#mysql.addAll(other.#mysql);
    for (const [pair, number] of other.#pairs) this.#notePair(pair.slice(0, pair.indexOf('-')), pair, number);
  }

  /** Whether MariaDB's transactions are of more than one domain. Then the log has no single order. */
  get hasSeveralDomains(): boolean {
    return this.#domains.size > 1;
  }

  get isEmpty(): boolean {
    return this.#pairs.size === 0 && this.#mysql.isEmpty();
  }

  /** `uuid:1-5,uuid:1-7` or, for MariaDB, the last GTID of each pair: `0-1-42,0-78-300`. */
  toString(): string {
    const ofMariadb = [...this.#pairs].map(([pair, number]) => `${pair}-${number}`);
    return [this.#mysql.toString(), ...ofMariadb].filter(Boolean).join(',');
  }

  /** The number that a pair's transactions are held against. Null if its domain is unknown. */
  #lastOf(pair: string, domain: string): bigint | null {
    return this.#pairs.get(pair) ?? this.#domains.get(domain) ?? null;
  }

  #note(gtid: string): void {
    const { domain, pair, sequence } = partsOf(gtid);
    this.#notePair(domain, pair, sequence);
  }

  #notePair(domain: string, pair: string, number: bigint): void {
    if (number > (this.#pairs.get(pair) ?? -1n)) this.#pairs.set(pair, number);
    if (number > (this.#domains.get(domain) ?? -1n)) this.#domains.set(domain, number);
  }
}

/** @throws WaymarkError `usage` if it is no GTID of MariaDB. */
function partsOf(gtid: string): NumberInDomain {
  const parts = numberInDomain(gtid);
  if (parts !== null) return parts;
  throw new WaymarkError(
    'usage',
    `"${gtid}" is no GTID: MySQL has uuid:number, MariaDB domain-server-number`,
  );
}
