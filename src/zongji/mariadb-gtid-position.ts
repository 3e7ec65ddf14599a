import { WaymarkError } from '../util/errors.js';

/** A GTID of MariaDB's in its parts. */
export type MariadbGtidParts = {
  readonly domainId: number;
  readonly serverId: number;
  readonly seqNo: number | string | bigint;
};

type Place = { readonly serverId: number; readonly seqNo: bigint };

const gtidForm = /^(\d+)-(\d+)-(\d+)$/;

/** A GTID position of MariaDB's, as `@@gtid_binlog_pos` has it: the last transaction of each domain. */
export class MariadbGtidPosition {
  readonly #places = new Map<number, Place>();

  /**
   * Reads `0-1-1234,1-3-45`; '' is the beginning of everything.
   * @throws WaymarkError `usage` for what isn't one, or names a domain twice.
   */
  static parse(text: string): MariadbGtidPosition {
    const position = new MariadbGtidPosition();
    for (const gtid of text.split(',').map((part) => part.trim())) {
      if (gtid === '' && text.trim() === '') continue;
      const parts = partsOf(gtid, text);
      if (position.#places.has(parts.domainId)) throw malformed(text);
      position.add(parts);
    }
    return position;
  }

  /** The position that a GTID list stands for: of a domain's entries the last one. */
  static fromGtidList(entries: readonly MariadbGtidParts[]): MariadbGtidPosition {
    const position = new MariadbGtidPosition();
    for (const entry of entries) position.add(entry);
    return position;
  }

  /** A transaction is the last one of its domain now, whatever its number: a new source may count from less. */
  add({ domainId, serverId, seqNo }: MariadbGtidParts): void {
    this.#places.set(domainId, { serverId, seqNo: BigInt(seqNo) });
  }

  /**
   * Whether a transaction stands at the position or before it (`inclusive: false`: before it). Numbers of another server
   * can't be compared, and a domain that the position doesn't name is not covered; nor is what has no GTID.
   * @throws WaymarkError `usage` for what is no GTID.
   */
  covers(gtid: string | null | undefined, { inclusive = true }: { inclusive?: boolean } = {}): boolean {
    if (gtid === null || gtid === undefined) return false;
    const { domainId, serverId, seqNo } = partsOf(gtid, gtid);
    const place = this.#places.get(domainId);
    if (place?.serverId !== serverId) return false;
    return inclusive ? seqNo <= place.seqNo : seqNo < place.seqNo;
  }

  isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** In the order of domains. */
  toString(): string {
    return [...this.#places]
      .toSorted(([a], [b]) => a - b)
      .map(([domainId, { serverId, seqNo }]) => `${domainId}-${serverId}-${seqNo}`)
      .join(',');
  }
}

function partsOf(gtid: string, whole: string): { domainId: number; serverId: number; seqNo: bigint } {
  const [, domain, server, number] = gtidForm.exec(gtid) ?? [];
  const [domainId, serverId, seqNo] = [Number(domain), Number(server), BigInt(number ?? -1)];
  const isGtid = domainId <= 0xffff_ffff && serverId <= 0xffff_ffff && seqNo >= 0n && seqNo < 2n ** 64n;
  if (!isGtid) throw malformed(whole);
  return { domainId, serverId, seqNo };
}

function malformed(text: string): WaymarkError {
  return new WaymarkError('usage', `Invalid GTID position of MariaDB's: "${text}"`);
}
