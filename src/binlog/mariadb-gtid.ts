/** What of a GTID of MariaDB its source has given it: the same on every server that replicates from there. */
export type NumberInDomain = {
  readonly domain: string;
  readonly sequence: bigint;
  /** `domain-server`: numbers of one pair ascend. */
  readonly pair: string;
};

/** Reads a GTID of MariaDB, `domain-server-sequence`; null for any other, and for none. */
export function numberInDomain(gtid: string | null): NumberInDomain | null {
  const [, pair, domain, sequence] = /^((\d{1,10})-\d{1,10})-(\d{1,20})$/.exec(gtid ?? '') ?? [];
  if (pair === undefined || domain === undefined || sequence === undefined) return null;
  return { domain, sequence: BigInt(sequence), pair };
}
