/**
 * MariaDB's GTID position of what was delivered: by domain, its last GTID. Stays empty for MySQL, whose sets can't be
 * made from single GTIDs so cheaply.
 */
export type GtidPosition = Map<string, string>;

/** Notes that a transaction has come; a GTID of MySQL's, or none, changes nothing. */
export function noteGtid(position: GtidPosition, gtid: string | null): void {
  // MySQL's have a colon before the number.
  if (gtid === null || gtid.includes(':')) return;
  position.set(gtid.slice(0, gtid.indexOf('-')), gtid);
}

/** Begins the position anew: with a checkpoint's (`0-1-7,1-1-3`) and what was delivered later, in order. */
export function restoreGtidPosition(
  position: GtidPosition,
  gtidSet: string | null,
  later: readonly (string | null)[],
): void {
  position.clear();
  for (const gtid of [...(gtidSet?.split(',') ?? []), ...later]) noteGtid(position, gtid);
}
