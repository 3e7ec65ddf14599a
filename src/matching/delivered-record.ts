import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { isReplica } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { hasCode } from '../util/errors.js';
import { beginTrail } from './first-trail.js';
import { readHistory } from './history.js';
import { hasPlace, type HistoryBeforeOptions } from './history-before.js';
import { sameTransaction } from './identity-bag.js';
import type { ResumePoint } from './match-state.js';
import { compared, endsAlike, type Logged } from './same-place.js';
import type { AnchorKind, TrailEntry } from './trail.js';

/** The place of a record, and how many transactions prove it. */
export type RecordPlaceFound = { readonly resume: ResumePoint; readonly transactionsMatched: number };

/**
 * Where to go on after a sink's records, on the server that they were read from. Only the coordinates of the last
 * record are known, and they are inside its transaction. That transaction must be there with the same content, and
 * before it the trail's last ones. From there the trail is the log's own, as for a stream that begins there.
 * @param anchors what anchors the stream.
 * @param trail if it has no transactions, the coordinates are between two transactions, and nothing can be compared.
 * @returns null when that isn't so.
 * @throws what reading the log throws.
 */
export async function findRecordPlace(
  inside: Coordinates,
  trail: readonly TrailEntry[],
  anchors: AnchorKind,
  options: HistoryBeforeOptions,
): Promise<RecordPlaceFound | null> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  if (!hasPlace(logs, inside)) return null;
  const delivered = trail.filter((entry) => entry.kind === 'transaction');
  const expected = delivered.at(-1);
  if (expected === undefined) {
    const resume = await trailUpTo(inside, anchors, options);
    return resume && { resume, transactionsMatched: 0 };
  }
  const { end, before } = await readThrough(inside, options);
  const last = before.at(-1);
  if (end === null || last === undefined || !sameTransaction(expected.identity, last.identity)) return null;
  if (!endsAlike(before, delivered)) return null;
  const resume = await trailUpTo(end, anchors, options);
  return resume && { resume, transactionsMatched: Math.min(before.length, delivered.length) };
}

/** The trail as the log has it up to a place between two transactions. Null if there is no such place. */
async function trailUpTo(
  { file, position }: Coordinates,
  anchors: AnchorKind,
  options: HistoryBeforeOptions,
): Promise<ResumePoint | null> {
  try {
    const given = anchors === 'hint' ? 'hints' : anchors;
    return await beginTrail({ at: 'coordinates', file, position }, given, options);
  } catch (error) {
    if (hasCode(error, 'coordinates')) return null;
    throw error;
  }
}

/** Reads a file from its start through the transaction around a place. That transaction is the last one returned. */
async function readThrough(
  inside: Coordinates,
  options: HistoryBeforeOptions,
): Promise<{ readonly end: Coordinates | null; readonly before: readonly Logged[] }> {
  const before: Logged[] = [];
  const replicaServerId = isReplica(options.inspection) ? options.inspection.facts.serverId : null;
  const start = { file: inside.file, position: firstPosition };
  for await (const steps of readHistory({ ...options, replicaServerId, start, nonBlocking: true })) {
    for (const step of steps) {
      if (step.start.file !== inside.file || step.start.position >= inside.position)
        return { end: null, before };
      if (step.kind !== 'transaction' || step.errant) continue;
      before.push(step);
      if (before.length > compared) before.shift();
      if (step.end.file !== inside.file || step.end.position >= inside.position)
        return { end: step.end, before };
    }
  }
  return { end: null, before };
}
