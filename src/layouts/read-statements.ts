import { formatAddress } from '../config/address.js';
import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { readDump } from '../dump/dump-stream.js';
import { eventServerId, EventType, eventType, type EventVisitor, isThreadSpecific } from '../binlog/event.js';
import { readMariadbGtid } from '../binlog/gtid-event.js';
import { type LoggedStatement, readMeaning, readStatement } from '../binlog/query-event.js';
import { unpackEvents } from '../binlog/unpacked-events.js';
import type { Instance } from '../mysql/instance.js';
import { sleep } from '../util/async.js';

/** A server may send the reported end of its log a moment later, when it has been synced. */
const againMs = 50;

/** A statement that is carried out. */
export type ReadStatement = {
  readonly statement: LoggedStatement;
  /** The place after it. */
  readonly behind: Coordinates;
  /** The server where it was executed first. */
  readonly serverId: number;
  /** See isThreadSpecific. */
  readonly ofSession: boolean;
};

/**
 * Visits the statements among a log's events, except BEGIN, COMMIT, and an ALTER TABLE that has not taken
 * effect or never will.
 */
export function statementVisitor(visit: (read: ReadStatement) => void): EventVisitor {
  let isVoid = false;
  return (buffer, start, end, { file, end: position }) => {
    const type = eventType(buffer, start);
    if (type === EventType.mariadbGtid) isVoid = readMariadbGtid(buffer, start, end).voidAlter;
    if (type !== EventType.query && type !== EventType.mariadbQueryCompressed) return;
    const text = readStatement(buffer, start, end);
    if (isVoid || text.sql === 'BEGIN' || text.sql === 'COMMIT') return;
    const statement = readMeaning(text, buffer, start, end, null);
    const ofSession = isThreadSpecific(buffer, start);
    visit({ statement, behind: { file, position }, serverId: eventServerId(buffer, start), ofSession });
  };
}

/**
 * Reads a server's log from one place to a later one, and visits the statements in it. Reads only headers and
 * statements.
 * @throws what readDump throws.
 */
export async function readStatements(
  { instance, signal }: { readonly instance: Instance; readonly signal: AbortSignal },
  from: Coordinates,
  to: Coordinates,
  visit: (read: ReadStatement) => void,
): Promise<void> {
  let reached = from;
  const event = statementVisitor((read) => {
    if (!isBeyond(read.behind, to)) visit(read);
  });
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

/** Ends also if the places can't be compared. */
function isBeyond(place: Coordinates, other: Coordinates): boolean {
  return (compareCoordinates(place, other) ?? 0) > 0;
}
