import { formatAddress } from '../config/address.js';
import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { readDump } from '../binlog/dump-stream.js';
import { eventServerId, EventType, eventType, type EventVisitor, isThreadSpecific } from '../binlog/event.js';
import { readMariadbGtid } from '../binlog/gtid-event.js';
import { type LoggedStatement, readMeaning, readStatement } from '../binlog/query-event.js';
import { unpackEvents } from '../binlog/unpacked-events.js';
import type { Instance } from '../mysql/instance.js';
import { sleep } from '../util/async.js';

/** A log's end that the server has reported may be sent a moment later only: when it has been synced. */
const againMs = 50;

/** A statement that is carried out. */
export type ReadStatement = {
  readonly statement: LoggedStatement;
  /** The place behind it. */
  readonly behind: Coordinates;
  /** Where it was born. */
  readonly serverId: number;
  /** See isThreadSpecific. */
  readonly ofSession: boolean;
};

/**
 * Reads a server's log from one place up to another one that is behind it, and shows the statements in it. Looks at headers
 * and at statements alone.
 * @throws what readDump throws.
 */
export async function readStatements(
  { instance, signal }: { readonly instance: Instance; readonly signal: AbortSignal },
  from: Coordinates,
  to: Coordinates,
  visit: (read: ReadStatement) => void,
): Promise<void> {
  let reached = from;
  let isVoid = false;
  const event: EventVisitor = (buffer, start, end, { file, end: position }) => {
    const behind = { file, position };
    if (isBeyond(behind, to)) return;
    const type = eventType(buffer, start);
    if (type === EventType.mariadbGtid) isVoid = readMariadbGtid(buffer, start, end).voidAlter;
    if (type !== EventType.query && type !== EventType.mariadbQueryCompressed) return;
    const text = readStatement(buffer, start, end);
    if (isVoid || text.sql === 'BEGIN' || text.sql === 'COMMIT') return;
    const statement = readMeaning(text, buffer, start, end, null);
    const ofSession = isThreadSpecific(buffer, start);
    const logged = readMeaning(statement, buffer, start, end, null);
    visit({ statement: logged, behind, serverId: eventServerId(buffer, start), ofSession });
  };
  while (isBeyond(to, reached)) {
    const dump = readDump({ instance, signal, start: reached, nonBlocking: true });
    for await (const batch of unpackEvents(dump, formatAddress(instance.address))) {
      batch.forEach(event);
      if (batch.complete) reached = batch.end;
      if (!isBeyond(to, reached)) return;
    }
    await sleep(againMs, signal);
  }
}

/** Places that can't be compared are nothing to go on for. */
function isBeyond(place: Coordinates, other: Coordinates): boolean {
  return (compareCoordinates(place, other) ?? 0) > 0;
}
