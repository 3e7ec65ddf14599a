import { uint, uuidBytes } from './bytes.js';

/** A transaction's GTID. */
export type Gtid =
  | { readonly vendor: 'mysql'; readonly uuid: string; readonly number: number }
  | {
      readonly vendor: 'mariadb';
      readonly domain: number;
      readonly serverId: number;
      readonly sequence: number;
    };

/** A GTID as people write it. */
export function formatGtid(gtid: Gtid): string {
  return gtid.vendor === 'mysql'
    ? `${gtid.uuid}:${gtid.number}`
    : `${gtid.domain}-${gtid.serverId}-${gtid.sequence}`;
}

/** What a server's own GTIDs are made of. */
export type GtidOwner = { readonly uuid: string; readonly serverId: number };

/** The GTIDs that a server has in its log, or had in what was purged of it. */
export type LoggedGtids = {
  /** Notes one. */
  add(gtid: Gtid): void;
  /**
   * Whether it has come: it is there; on MariaDB, its domain has come so far from other servers (what `gtid_slave_pos`
   * says).
   */
  came(gtid: Gtid, own: GtidOwner): boolean;
  /** The last ones: of each interval, or of each domain and server. */
  readonly ends: readonly Gtid[];
  /** The GTID that comes next of a server's own; on MariaDB in a domain, 0 unless given. */
  next(own: GtidOwner, domain?: number): Gtid;
  /** `gtid_executed`, or `gtid_binlog_pos`. */
  readonly text: string;
  /** `gtid_executed`, or `gtid_binlog_state`. */
  readonly state: string;
  /** The body of a PREVIOUS_GTIDS or GTID_LIST event. */
  encode(): Buffer;
  copy(): LoggedGtids;
};

/** Numbers from the first to the last one, both included. */
type Interval = { first: number; last: number };

/** MySQL's executed GTIDs. */
export class ExecutedGtids implements LoggedGtids {
  readonly #sets: Map<string, readonly Interval[]>;

  constructor(sets: ReadonlyMap<string, readonly Interval[]> = new Map()) {
    this.#sets = new Map(sets);
  }

  add(gtid: Gtid): void {
    if (gtid.vendor !== 'mysql' || this.came(gtid)) return;
    const intervals = [...(this.#sets.get(gtid.uuid) ?? []), { first: gtid.number, last: gtid.number }];
    this.#sets.set(gtid.uuid, merged(intervals));
  }

  came(gtid: Gtid): boolean {
    if (gtid.vendor !== 'mysql') return false;
    const intervals = this.#sets.get(gtid.uuid) ?? [];
    return intervals.some(({ first, last }) => first <= gtid.number && gtid.number <= last);
  }

  get ends(): readonly Gtid[] {
    return this.#sorted.flatMap(([uuid, intervals]) =>
      intervals.map(({ last }): Gtid => ({ vendor: 'mysql', uuid, number: last })),
    );
  }

  next({ uuid }: GtidOwner): Gtid {
    const [first] = this.#sets.get(uuid) ?? [];
    return { vendor: 'mysql', uuid, number: first?.first === 1 ? first.last + 1 : 1 };
  }

  get text(): string {
    return this.#sorted
      .map(([uuid, intervals]) => {
        const ranges = intervals.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
        return [uuid, ...ranges].join(':');
      })
      .join(',\n');
  }

  get state(): string {
    return this.text;
  }

  /** The number of UUIDs (8), each with the number of its intervals (8), and these: the first, the one behind the last. */
  encode(): Buffer {
    const sets = this.#sorted.flatMap(([uuid, intervals]) => [
      uuidBytes(uuid),
      uint(intervals.length, 8),
      ...intervals.flatMap(({ first, last }) => [uint(first, 8), uint(last + 1, 8)]),
    ]);
    return Buffer.concat([uint(this.#sets.size, 8), ...sets]);
  }

  copy(): ExecutedGtids {
    return new ExecutedGtids(this.#sets);
  }

  get #sorted(): [string, readonly Interval[]][] {
    return [...this.#sets].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

function merged(intervals: readonly Interval[]): Interval[] {
  const joined: Interval[] = [];
  for (const { first, last } of intervals.toSorted((a, b) => a.first - b.first)) {
    const before = joined.at(-1);
    if (before !== undefined && before.last + 1 >= first) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  return joined;
}

/** What MariaDB's binary log has: of each domain and server the last one, and of each domain the one that came last. */
export class BinlogState implements LoggedGtids {
  /** Of each domain by server, the one that came last at its end. */
  readonly #domains: Map<number, ReadonlyMap<number, number>>;

  constructor(domains: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map()) {
    this.#domains = new Map(domains);
  }

  add(gtid: Gtid): void {
    if (gtid.vendor !== 'mariadb') return;
    const servers = new Map(this.#domains.get(gtid.domain));
    servers.delete(gtid.serverId);
    this.#domains.set(gtid.domain, servers.set(gtid.serverId, gtid.sequence));
  }

  came(gtid: Gtid, { serverId }: GtidOwner): boolean {
    if (gtid.vendor !== 'mariadb') return false;
    // Its own are never fetched.
    return gtid.serverId === serverId || this.#highest(gtid.domain, serverId) >= gtid.sequence;
  }

  get ends(): readonly Gtid[] {
    return [...this.#domains].flatMap(([domain, servers]) =>
      [...servers].map(([serverId, sequence]): Gtid => ({ vendor: 'mariadb', domain, serverId, sequence })),
    );
  }

  next({ serverId }: GtidOwner, domain = 0): Gtid {
    return { vendor: 'mariadb', domain, serverId, sequence: this.#highest(domain) + 1 };
  }

  get text(): string {
    return [...this.#domains]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([domain, servers]) => {
        const last = [...servers].at(-1);
        return last === undefined ? [] : [`${domain}-${last[0]}-${last[1]}`];
      })
      .join(',');
  }

  get state(): string {
    return this.ends.map(formatGtid).join(',');
  }

  /** The count (4), of each: domain (4), server id (4), sequence number (8). */
  encode(): Buffer {
    const entries = [...this.#domains].flatMap(([domain, servers]) =>
      [...servers].map(([serverId, sequence]) =>
        Buffer.concat([uint(domain, 4), uint(serverId, 4), uint(sequence, 8)]),
      ),
    );
    return Buffer.concat([uint(entries.length, 4), ...entries]);
  }

  copy(): BinlogState {
    return new BinlogState(this.#domains);
  }

  /** The highest sequence number of a domain, one server's left out. */
  #highest(domain: number, except: number | null = null): number {
    const servers = [...(this.#domains.get(domain) ?? [])];
    return Math.max(0, ...servers.map(([serverId, sequence]) => (serverId === except ? 0 : sequence)));
  }
}
