import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { isReplica } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server.js';
import { hasCode } from '../util/errors.js';
import { readHistory } from './history.js';
import { type HistoryBeforeOptions, readUpTo } from './history-before.js';
import { sameTransaction } from './identity-bag.js';
import { RecentOrigins } from './recent-origins.js';
import type { Identity, TrailEntry } from './trail.js';

/** Transactions compared before a place. */
export const compared = 64;

/** Where a reader stood on a server, by what was noted of it. */
export type NotedPlace = {
  readonly coordinates: Coordinates;
  /** How many of the trail's last transactions were delivered later, and stand behind the coordinates. */
  readonly deliveredBehind: number;
};

/**
 * Where to go on after a trail without hints, which can't be matched anywhere else, on the server that it was read
 * from: behind the last transaction that was delivered. The file must be there and long enough, the transactions
 * before the noted coordinates must be the trail's last ones up to there, and behind them those delivered later must
 * follow, in order and without another between: a server that has been rebuilt has others, whatever its file is
 * called. null when that isn't so.
 * @throws what reading the log throws.
 */
export async function findSamePlace(
  { coordinates, deliveredBehind }: NotedPlace,
  trail: readonly TrailEntry[],
  options: HistoryBeforeOptions,
): Promise<Coordinates | null> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const log = logs.find(({ file }) => file === coordinates.file);
  if (log === undefined || log.sizeBytes < coordinates.position) return null;
  const entries = trail.filter((entry) => entry.kind === 'transaction');
  const noted = entries.slice(0, entries.length - deliveredBehind);
  try {
    if (!endsAlike(await lastBefore(coordinates, logs, options), noted)) return null;
  } catch (error) {
    // Where a transaction ended, there is the middle of one now.
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
 * Whether the log's last transactions are the trail's last ones, as far as both go. One of which nothing is delivered
 * may be in the log alone: what a sink held of a dead agent's work doesn't tell of those. So may one that comes a second
 * time (see {@link RecentOrigins}). Pure.
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

/** The last transactions before the place: in its file or, where that begins there, in the one before that has any. */
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
      if (step.kind === 'hint' || step.bornHere) return;
      found.push({ identity: step.identity, deliverable: step.deliverable });
      if (found.length > compared) found.shift();
    });
    if (found.length > 0) return found;
  }
  return [];
}

/** The end of the last of these transactions, which must be all that is to be delivered behind the place up to there. */
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
      if (step.kind === 'hint' || step.bornHere || !step.deliverable) continue;
      if (recent.has(step.identity)) continue;
      const expected = delivered[next];
      if (expected === undefined || !sameTransaction(expected.identity, step.identity)) return null;
      next += 1;
      if (next === delivered.length) return step.end;
    }
  }
  return null;
}
