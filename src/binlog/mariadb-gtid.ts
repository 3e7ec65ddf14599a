/** What of a GTID of MariaDB its source has given it: the same on every server that replicates from there. */
export type NumberInDomain = { readonly domain: string; readonly sequence: bigint };

/** Reads a GTID of MariaDB, `domain-server-sequence`; null for any other, and for none. */
export function numberInDomain(gtid: string | null): NumberInDomain | null {
  const [, domain, sequence] = /^(\d+)-\d+-(\d+)$/.exec(gtid ?? '') ?? [];
  return domain === undefined || sequence === undefined ? null : { domain, sequence: BigInt(sequence) };
}
