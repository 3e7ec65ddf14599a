import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import type { GtidState } from '../gtids/gtid-state.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { scanGtids } from './gtid-scan.js';
import type { ScanOptions } from './hint-scan.js';
import { type HistoryBeforeOptions, readUpTo } from './history-before.js';
import { readLogHead } from './log-head.js';
import { TrailKeeper } from './trail-keeper.js';
import type { TrailEntry } from './trail.js';

/** The history before a place, anchored by GTIDs. */
export type TrailBefore = {
  readonly trail: readonly TrailEntry[];
  /** Everything that the server has logged before the place. */
  readonly state: GtidState;
};

/** How much of the log is read before the place. */
const lookBackBytes = 32 * 1024 * 1024;

/** Log files that are looked into for a transaction before the place. */
const lookBackFiles = 8;

/** A place where a transaction begins. */
type Boundary = { readonly at: Coordinates; readonly bytesBefore: number };

/**
 * Reads the history before a place, as if a reader had delivered it, anchored by GTIDs. It begins up to 32 MB before
 * the place, in the place's file or, where that begins there, in the file before.
 * @returns null if the log doesn't say which GTIDs came before its files: it is a server without GTIDs.
 * @throws WaymarkError `coordinates` if the place is inside a transaction; and what reading the log throws.
 */
export async function trailBefore(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<TrailBefore | null> {
  const begun = await historyStart(target, logs, options);
  if (begun === null) return null;
  const { from, state } = begun;
  const keeper = new TrailKeeper(Number.MAX_SAFE_INTEGER);
  await readUpTo({ at: from, sourceServerId: null }, target, logs, options, (step) => {
    if (step.kind !== 'transaction' || step.errant) return;
    if (step.gtid) keeper.gtid(step.gtid, step.start);
    keeper.transaction(step.identity);
  });
  return { trail: keeper.entries, state };
}

/**
 * Where the history begins that is worth reading before a place, and everything that the server has logged before the
 * place. Null if its log doesn't say which GTIDs came before its files.
 */
export async function historyStart(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: ScanOptions,
): Promise<{ readonly from: Coordinates; readonly state: GtidState } | null> {
  const index = logs.findIndex(({ file }) => file === target.file);
  for (let back = 1; ; back += 1) {
    const first = logs[Math.max(index - back, 0)]?.file ?? target.file;
    const state = await readLogHead(first, options);
    if (state === null) return null;
    const from = await noteGtids(first, target, state, options);
    // A server that was restarted twice has a file without transactions.
    if (from !== null || index <= back || back === lookBackFiles) return { from: from ?? target, state };
  }
}

/**
 * Adds the GTIDs up to the place, and returns where the history begins that is worth reading. Null if there is no
 * transaction.
 */
async function noteGtids(
  file: string,
  target: Coordinates,
  state: GtidState,
  options: ScanOptions,
): Promise<Coordinates | null> {
  let boundaries: Boundary[] = [];
  let bytesBefore = 0;
  let last: Coordinates = { file, position: firstPosition };
  const isReached = (place: Coordinates): boolean =>
    place.file === target.file && place.position >= target.position;
  await scanGtids(
    { file, position: firstPosition },
    options,
    ({ gtid, file: itsFile, position }) => {
      const at = { file: itsFile, position };
      if (isReached(at)) return true;
      if (itsFile === last.file) bytesBefore += position - last.position;
      last = at;
      state.add(gtid);
      boundaries.push({ at, bytesBefore });
      if (boundaries.length > 2 && bytesBefore - (boundaries[1]?.bytesBefore ?? 0) > 2 * lookBackBytes) {
        boundaries = boundaries.filter((one) => bytesBefore - one.bytesBefore <= lookBackBytes);
      }
      return false;
    },
    (next) => {
      if (last.file === target.file) return true;
      last = { file: next, position: firstPosition };
      return isReached(last);
    },
  );
  const end = bytesBefore + (last.file === target.file ? target.position - last.position : 0);
  const begins = boundaries.find((one) => end - one.bytesBefore <= lookBackBytes) ?? boundaries.at(-1);
  return begins?.at ?? null;
}
