import { firstPosition } from '../binlog/coordinates.js';
import { EventType, eventType, isArtificial } from '../binlog/event.js';
import { readDump } from '../dump/dump-stream.js';
import { GtidState } from '../gtids/gtid-state.js';
import type { ScanOptions } from './hint-scan.js';

/**
 * Reads what the first events of a log file tell: the GTIDs of everything before the file. Null if they don't tell,
 * as on a server that is too old for GTIDs.
 * @throws what readDump throws.
 */
export async function readLogHead(file: string, options: ScanOptions): Promise<GtidState | null> {
  const found: { state: GtidState | null; isPast: boolean } = { state: null, isPast: false };
  const start = { file, position: firstPosition };
  for await (const batch of readDump({ ...options, nonBlocking: true, start })) {
    batch.forEach((buffer, eventStart, end, place) => {
      if (found.state !== null || found.isPast || isArtificial(buffer, eventStart)) return;
      found.isPast = place.file !== file || !isOpening(eventType(buffer, eventStart));
      if (!found.isPast) found.state = GtidState.ofHead(buffer, eventStart, end);
    });
    if (found.state !== null || found.isPast) break;
  }
  return found.state;
}

/** What may stand in a file before its first transaction, apart from a rotation at its end. */
function isOpening(type: number): boolean {
  return (
    type === EventType.formatDescription ||
    type === EventType.mariadbStartEncryption ||
    type === EventType.mariadbBinlogCheckpoint ||
    type === EventType.previousGtids ||
    type === EventType.mariadbGtidList
  );
}
