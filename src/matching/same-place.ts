import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { isReplica } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { hasCode } from '../util/errors.js';
import { readHistory } from './history.js';
import { hasPlace, type HistoryBeforeOptions, readUpTo } from './history-before.js';
import { sameTransaction } from './identity-bag.js';
import { RecentOrigins } from './recent-origins.js';
import type { Identity, TrailEntry } from './trail.js';

/** Transactions compared before a place. */
export const compared = 64;

/** A reader's noted place on a server. */
export type NotedPlace = {
  readonly coordinates: Coordinates;
  /** How many of the trail's last transactions were delivered later, and are after the coordinates. */
  readonly deliveredBehind: number;
};

/**
 * Where to go on after a trail without hints: after the last delivered transaction, on the server that it was read
 * from. Such a trail can't be matched on any other server. The file must exist and be long enough. The transactions
 * before the noted coordinates must be the trail's last ones up to there. The transactions delivered later must
 * follow, in order and with no others between. A rebuilt server has other transactions, even under the same file
 * name. Null if any of this isn't so.
 * @throws what reading the log throws.
 */
export async function findSamePlace(
  { coordinates, deliveredBehind }: NotedPlace,
  trail: readonly TrailEntry[],
  options: HistoryBeforeOptions,
): Promise<Coordinates | null> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  if (!hasPlace(logs, coordinates)) return null;
  const entries = trail.filter((entry) => entry.kind === 'transaction');
  const noted = entries.slice(0, entries.length - deliveredBehind);
  try {
    if (!endsAlike(await lastBefore(coordinates, logs, options), noted)) return null;
  } catch (error) {
    // A transaction used to end here. Now the place is inside one.
    if (hasCode(error, 'coordinates')) return null;
    throw error;
  }
  return endBehind(coordinates, noted, entries.slice(noted.length), options);
}

/** A transaction of the trail. */
type Delivered = Pick<Extract<TrailEntry, { kind: 'transaction' }>, 'kind' | 'identity'>;

/** A transaction of the log, and whether anything in it would be delivered. */
export type Logged = { readonly identity: Identity; readonly deliverable: boolean };

/**
 * Whether the log's last transactions are the trail's last ones, as far as both reach. A transaction without anything
 * to deliver may be only in the log, because a sink doesn't record those. So may a repeated one (see {@link
 * RecentOrigins}). Pure.
 */
export function endsAlike(log: readonly Logged[], trail: readonly Delivered[]): boolean {
  const recent = new RecentOrigins(trail);
  let left = trail.length;
  for (const { identity, deliverable } of log.toReversed()) {
    const expected = trail[left - 1];
    if (expected === undefined) return true;
    if (sameTransaction(expected.identity, identity)) left -= 1;
    else if (deliverable && !recent.has(identity)) return false;
  }
  return left < trail.length || trail.length === 0;
}

/**
 * The last transactions before the place: in its file or, if the file begins there, in the last earlier file with
 * any.
 */
async function lastBefore(
  place: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<readonly Logged[]> {
  const last = logs.findIndex(({ file }) => file === place.file);
  for (const { file } of logs.slice(0, last + 1).toReversed()) {
    const found: Logged[] = [];
    const start = { at: { file, position: firstPosition }, sourceServerId: null };
    await readUpTo(start, place, logs, options, (step) => {
      if (step.kind !== 'transaction' || step.errant) return;
      found.push({ identity: step.identity, deliverable: step.deliverable });
      if (found.length > compared) found.shift();
    });
    if (found.length > 0) return found;
  }
  return [];
}

/** The end of the last of these transactions. They must be everything deliverable between the place and that end. */
async function endBehind(
  place: Coordinates,
  before: readonly Delivered[],
  delivered: readonly Delivered[],
  options: HistoryBeforeOptions,
): Promise<Coordinates | null> {
  if (delivered.length === 0) return place;
  const recent = new RecentOrigins(before);
  const replicaServerId = isReplica(options.inspection) ? options.inspection.facts.serverId : null;
  let next = 0;
  for await (const steps of readHistory({ ...options, replicaServerId, start: place, nonBlocking: true })) {
    for (const step of steps) {
      if (step.kind !== 'transaction' || step.errant || !step.deliverable) continue;
      if (recent.has(step.identity)) continue;
      const expected = delivered[next];
      if (expected === undefined || !sameTransaction(expected.identity, step.identity)) return null;
      next += 1;
      if (next === delivered.length) return step.end;
    }
  }
  return null;
}
