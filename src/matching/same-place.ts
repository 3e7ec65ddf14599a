import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { type HistoryOptions, readHistory } from './history.js';
import { sameTransaction } from './identity-bag.js';
import type { Identity, TrailEntry } from './trail.js';

/** Transactions compared before the place. */
const compared = 64;

/**
 * Whether coordinates are still the same place: for a trail without hints, which can't be matched anywhere else, on
 * the server that it was read from. The file must be there and long enough, and the transactions before the place
 * must be the trail's last ones; a server that has been rebuilt has others, whatever its file is called.
 */
export async function isSamePlace(
  place: Coordinates,
  trail: readonly TrailEntry[],
  options: Omit<HistoryOptions, 'start'>,
): Promise<boolean> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const log = logs.find(({ file }) => file === place.file);
  if (log === undefined || log.sizeBytes < place.position) return false;
  const found = await transactionsBefore(place, options);
  const expected = trail
    .flatMap((entry) => (entry.kind === 'transaction' ? [entry.identity] : []))
    .slice(-found.length);
  const offset = found.length - expected.length;
  return expected.every((identity, index) => {
    const other = found[offset + index];
    return other !== undefined && sameTransaction(identity, other);
  });
}

/** The last transactions of the place's file before it. */
async function transactionsBefore(
  place: Coordinates,
  options: Omit<HistoryOptions, 'start'>,
): Promise<Identity[]> {
  const found: Identity[] = [];
  if (place.position <= firstPosition) return found;
  const start = { file: place.file, position: firstPosition };
  for await (const steps of readHistory({ ...options, start, nonBlocking: true })) {
    for (const step of steps) {
      if (step.end.file !== place.file || step.end.position > place.position) return found;
      if (step.kind === 'hint' || step.bornHere) continue;
      found.push(step.identity);
      if (found.length > compared) found.shift();
    }
  }
  return found;
}
