import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { type HistoryOptions, readHistory } from './history.js';
import { sameTransaction } from './identity-bag.js';
import type { Identity, TrailEntry } from './trail.js';

/** Transactions compared before the place. */
const compared = 64;

/** Where a reader stood on a server, by what was noted of it. */
export type NotedPlace = {
  readonly coordinates: Coordinates;
  /** How many of the trail's last transactions were delivered later, and stand behind the coordinates. */
  readonly deliveredBehind: number;
};

type LogOptions = Omit<HistoryOptions, 'start'>;

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
  options: LogOptions,
): Promise<Coordinates | null> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const log = logs.find(({ file }) => file === coordinates.file);
  if (log === undefined || log.sizeBytes < coordinates.position) return null;
  const delivered = trail.flatMap((entry) => (entry.kind === 'transaction' ? [entry.identity] : []));
  const noted = delivered.length - deliveredBehind;
  if (!endsAlike(await transactionsBefore(coordinates, options), delivered.slice(0, noted))) return null;
  return endBehind(coordinates, delivered.slice(noted), options);
}

/** A transaction of the log, and whether anything in it would be delivered. */
type Logged = { readonly identity: Identity; readonly deliverable: boolean };

/**
 * Whether the log's last transactions are the trail's last ones, as far as both go. One of which nothing is delivered
 * may be in the log alone: what a sink held of a dead agent's work doesn't tell of those. Pure.
 */
export function endsAlike(log: readonly Logged[], trail: readonly Identity[]): boolean {
  let left = trail.length;
  for (const { identity, deliverable } of log.toReversed()) {
    const expected = trail[left - 1];
    if (expected === undefined) return true;
    if (sameTransaction(expected, identity)) left -= 1;
    else if (deliverable) return false;
  }
  return left < trail.length || log.length === 0 || trail.length === 0;
}

/** The last transactions of the place's file before it. */
async function transactionsBefore(place: Coordinates, options: LogOptions): Promise<Logged[]> {
  const found: Logged[] = [];
  if (place.position <= firstPosition) return found;
  const start = { file: place.file, position: firstPosition };
  for await (const steps of readHistory({ ...options, start, nonBlocking: true })) {
    for (const step of steps) {
      if (step.end.file !== place.file || step.end.position > place.position) return found;
      if (step.kind === 'hint' || step.bornHere) continue;
      found.push({ identity: step.identity, deliverable: step.deliverable });
      if (found.length > compared) found.shift();
    }
  }
  return found;
}

/** The end of the last of these transactions, which must be all that is to be delivered behind the place up to there. */
async function endBehind(
  place: Coordinates,
  delivered: readonly Identity[],
  options: LogOptions,
): Promise<Coordinates | null> {
  let next = 0;
  if (delivered.length === 0) return place;
  for await (const steps of readHistory({ ...options, start: place, nonBlocking: true })) {
    for (const step of steps) {
      if (step.kind === 'hint' || step.bornHere || !step.deliverable) continue;
      const expected = delivered[next];
      if (expected === undefined || !sameTransaction(expected, step.identity)) return null;
      next += 1;
      if (next === delivered.length) return step.end;
    }
  }
  return null;
}
