/**
 * MariaDB's GTID position of what was delivered: the last GTID of each domain. It stays empty for MySQL, because GTID
 * sets can't be built from single GTIDs so cheaply.
 */
export type GtidPosition = Map<string, string>;

/** Adds the GTID of a transaction. Ignores GTIDs of MySQL, and null. */
export function noteGtid(position: GtidPosition, gtid: string | null): void {
  // Only MySQL's GTIDs have a colon.
  if (gtid === null || gtid.includes(':')) return;
  position.set(gtid.slice(0, gtid.indexOf('-')), gtid);
}

/** Sets the position to a checkpoint's (`0-1-7,1-1-3`), plus what was delivered later, in order. */
export function restoreGtidPosition(
  position: GtidPosition,
  gtidSet: string | null,
  later: readonly (string | null)[],
): void {
  position.clear();
  for (const gtid of [...(gtidSet?.split(',') ?? []), ...later]) noteGtid(position, gtid);
}
