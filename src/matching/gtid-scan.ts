import type { Coordinates } from '../binlog/coordinates.js';
import { eventSecond, EventType, eventType, isArtificial } from '../binlog/event.js';
import { readMariadbGtid, readMysqlGtid } from '../binlog/gtid-event.js';
import { readDump } from '../dump/dump-stream.js';
import type { ScanOptions, ScanResult } from './hint-scan.js';

/** Where a transaction begins in a server's binary log. */
export type TransactionPlace = Coordinates & {
  /** Null if it has none. */
  readonly gtid: string | null;
  /** When it was written on its source. */
  readonly second: number;
};

/** The same for a transaction that has a GTID. */
export type GtidPlace = Coordinates & { readonly gtid: string };

/**
 * Reads a server's binary log from `start` to its end, or until `visit` returns true, and shows `visit` the beginning
 * of every transaction. Reads nothing of the rest, so it runs at the speed of the network.
 * @param onFile called when another file begins. Returning true ends the scan.
 * @returns how much was read, and up to where.
 * @throws what readDump throws.
 */
export async function scanTransactions(
  start: Coordinates,
  options: ScanOptions,
  visit: (place: TransactionPlace) => boolean,
  onFile: (file: string) => boolean = () => false,
): Promise<ScanResult & { readonly end: Coordinates }> {
  let bytesScanned = 0;
  let reached = start;
  const state = { stopped: false, file: start.file };
  for await (const batch of readDump({ nonBlocking: true, ...options, start })) {
    batch.forEach((buffer, eventStart, end, place) => {
      if (state.stopped) return;
      bytesScanned += end - eventStart;
      if (place.file !== state.file) {
        state.file = place.file;
        state.stopped = onFile(place.file);
        if (state.stopped) return;
      }
      const begun = beginningOf(buffer, eventStart, end);
      if (begun === null) return;
      const { file, start: position } = place;
      state.stopped = visit({ ...begun, file, position });
    });
    reached = batch.end;
    options.onProgress?.({ file: batch.end.file, bytesScanned });
    if (state.stopped) break;
  }
  return { bytesScanned, end: reached };
}

/** Like {@link scanTransactions}, but shows only transactions with a GTID. */
export function scanGtids(
  start: Coordinates,
  options: ScanOptions,
  visit: (place: GtidPlace) => boolean,
  onFile?: (file: string) => boolean,
): Promise<ScanResult> {
  const visitGtid = ({ gtid, file, position }: TransactionPlace): boolean =>
    gtid !== null && visit({ gtid, file, position });
  return scanTransactions(start, options, visitGtid, onFile);
}

/** Events that may stand behind a file's transactions, apart from a rotation. */
const standsBetween: ReadonlySet<number> = new Set([EventType.stop, EventType.mariadbBinlogCheckpoint]);

/**
 * Where the transaction ends that begins at a place: in the same file, also if it is the last one there.
 * @throws what readDump throws.
 */
export async function endOfTransaction(start: Coordinates, options: ScanOptions): Promise<number> {
  const state = { end: start.position, begun: false, ended: false };
  for await (const batch of readDump({ nonBlocking: true, ...options, start })) {
    batch.forEach((buffer, eventStart, end, place) => {
      state.ended ||= place.file !== start.file;
      if (state.ended || isArtificial(buffer, eventStart)) return;
      const begins = beginningOf(buffer, eventStart, end) !== null;
      state.ended = standsBetween.has(eventType(buffer, eventStart)) || (begins && state.begun);
      state.begun ||= begins;
      if (!state.ended) state.end = place.end;
    });
    if (state.ended) break;
  }
  return state.end;
}

function beginningOf(
  buffer: Buffer,
  start: number,
  end: number,
): Pick<TransactionPlace, 'gtid' | 'second'> | null {
  switch (eventType(buffer, start)) {
    case EventType.gtid:
    case EventType.gtidTagged:
    case EventType.anonymousGtid:
      return { gtid: readMysqlGtid(buffer, start, end).gtid, second: eventSecond(buffer, start) };
    case EventType.mariadbGtid:
      return { gtid: readMariadbGtid(buffer, start, end).gtid, second: eventSecond(buffer, start) };
    default:
      return null;
  }
}
