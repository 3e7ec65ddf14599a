/**
 * What tells a transaction from every other and is the same on every server that has it.
 *
 * `digest` covers the content (content-digest.ts); `second` is the one in the header of the first row event or
 * statement; `origin` is the strongest mark the server's log gives: MariaDB's GTID as `g:domain-server-sequence`,
 * MySQL's original commit time (8.0.1 and later, with and without GTIDs) as `c:microseconds`, the GTID of an older
 * one as `u:uuid:number`, or `''` where there is nothing of the kind.
 */
export type Identity = {
  readonly digest: bigint;
  readonly second: number;
  readonly origin: string;
};
