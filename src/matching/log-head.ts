import { firstPosition } from '../binlog/coordinates.js';
import { EventType, eventType, isArtificial } from '../binlog/event.js';
import { readDump } from '../dump/dump-stream.js';
import { GtidState } from '../gtids/gtid-state.js';
import type { ServerConnection } from '../mysql/connection.js';
import { readFirstEvents } from '../mysql/log-events.js';
import { hasCode } from '../util/errors.js';
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

/** No more events than these may stand before the one that tells: the format description, and MariaDB's encryption. */
const eventsBefore = 2;

/**
 * The same as {@link readLogHead}, by the server's list of events: this takes one question. Null if it doesn't tell.
 * @throws WaymarkError those of {@link readFirstEvents}.
 */
export async function readListedHead(file: string, connection: ServerConnection): Promise<GtidState | null> {
  for (const { type, info } of await readFirstEvents(connection, file, eventsBefore + 1)) {
    switch (type) {
      case 'Previous_gtids':
        return stateOf(info);
      case 'Gtid_list':
        // `[0-1-42,0-78-300]`
        return stateOf(info.replace(/^\[|\]$/g, ''));
    }
  }
  return null;
}

function stateOf(info: string): GtidState | null {
  try {
    return GtidState.parse(info);
  } catch (error) {
    if (hasCode(error, 'usage')) return null;
    throw error;
  }
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
