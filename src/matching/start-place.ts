import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { WaymarkError } from '../util/errors.js';
import { scanTransactions } from './gtid-scan.js';
import type { HistoryBeforeOptions } from './history-before.js';
import { locateGtid, type LocateGtidOptions } from './locate-gtid.js';

/**
 * The place right behind the transaction with a GTID.
 * @throws WaymarkError `purged`, `behind`, `not-found`; and what reading the log throws.
 */
export async function placeBehindGtid(gtid: string, options: LocateGtidOptions): Promise<Coordinates> {
  const { file, position } = await locateGtid([gtid], options);
  const places: Coordinates[] = [];
  const { end } = await scanTransactions({ file, position }, options, (place) => {
    places.push({ file: place.file, position: place.position });
    return places.length > 1;
  });
  return places[1] ?? end;
}

/**
 * The place of the first transaction that was written at a time or later, by the clock of the server where it was
 * written. Bisects over the files by the first transaction in each.
 * @throws WaymarkError `purged` if the log begins later; and what reading the log throws.
 */
export async function placeOfTime(
  timeMs: number,
  logs: readonly BinaryLog[],
  logEnd: Coordinates,
  options: HistoryBeforeOptions,
): Promise<Coordinates> {
  const second = Math.ceil(timeMs / 1000);
  let low = 0;
  let high = logs.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const first = await firstSecondFrom(logs[middle]?.file, options);
    if (first !== null && first < second) low = middle;
    else high = middle - 1;
  }
  const file = logs[low]?.file;
  if (file === undefined) return logEnd;
  if (low === 0) await requireEarlier(second, file, options);
  const found: Coordinates[] = [];
  await scanTransactions({ file, position: firstPosition }, options, (place) => {
    if (place.second >= second) found.push({ file: place.file, position: place.position });
    return found.length > 0;
  });
  return found[0] ?? logEnd;
}

/** The second of the first transaction in a file or after it. Null if there is none. */
async function firstSecondFrom(
  file: string | undefined,
  options: HistoryBeforeOptions,
): Promise<number | null> {
  if (file === undefined) return null;
  let first: number | null = null;
  await scanTransactions({ file, position: firstPosition }, options, ({ second }) => {
    first = second;
    return true;
  });
  return first;
}

async function requireEarlier(second: number, file: string, options: HistoryBeforeOptions): Promise<void> {
  const first = await firstSecondFrom(file, options);
  if (first === null || first < second) return;
  const server = formatAddress(options.instance.address);
  const [wanted, oldest] = [second, first].map((value) => new Date(value * 1000).toISOString());
  throw new WaymarkError(
    'purged',
    `${server} has no transaction from before ${wanted ?? ''} any more, so changes since then may be missing: its oldest ` +
      `binary log ${file} begins with one of ${oldest ?? ''}. To begin there, set "start: earliest"`,
    { details: { server, file, first: oldest ?? null } },
  );
}
