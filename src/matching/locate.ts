import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { compareHints, type Hint } from '../hints/hint.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { type ErrorCode, hasCode, WaymarkError } from '../util/errors.js';
import { type HintPlace, type HintScanOptions, scanHints } from './hint-scan.js';

export type { HintPlace };

/** The place of a hint, and the cost of finding it. */
export type LocateResult = HintPlace & { readonly filesProbed: number; readonly bytesScanned: number };

export type LocateOptions = HintScanOptions & {
  /** A place before the hint, by an earlier note. Reading begins there. A wrong one does no harm. */
  readonly startHere?: Coordinates | null;
};

/** Counts what locating costs. */
type Effort = { filesProbed: number; bytesScanned: number };

/**
 * Finds the first of `wanted` (oldest first) that is in a server's binary log.
 *
 * The list of logs comes from the server. With a note (`startHere`), reading begins there. Without one, and if the
 * hints ascend, it bisects the files by the first hint in each, and then reads one file. If hints don't ascend, it
 * reads the newest file first.
 *
 * @throws WaymarkError `purged` (the server's first hint is newer than all wanted ones), `behind` (its last hint is
 * older than all), `not-found`; and what reading the log throws.
 */
export async function locateHint(wanted: readonly Hint[], options: LocateOptions): Promise<LocateResult> {
  const effort: Effort = { filesProbed: 0, bytesScanned: 0 };
  const found = (place: HintPlace): LocateResult => ({ ...place, ...effort });
  const ascending = wanted.every((hint) => hint.ascending);
  if (options.startHere && ascending) {
    const near = await locateFromNote(options.startHere, wanted, options, effort);
    if (near) return found(near);
  }
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const outcome = ascending
    ? await locateAscending(logs, wanted, options, effort)
    : await locateNewestFirst(logs, wanted, options, effort);
  if (outcome.place !== null) return found(outcome.place);
  throw absence(outcome, wanted, options, effort);
}

/** The newest hint in a server's binary log. Null if there is none at all. */
export async function lastHint(options: HintScanOptions): Promise<HintPlace | null> {
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  for (const log of logs.toReversed()) {
    const last = await lastHintOfFile(log, options);
    if (last) return last;
  }
  return null;
}

/** What an unsuccessful search saw. */
type Outcome = { readonly place: HintPlace | null; readonly first: Hint | null; readonly last: Hint | null };

/** Reads from a noted place. Null if the note is useless for any reason. Then the full search is needed. */
async function locateFromNote(
  start: Coordinates,
  wanted: readonly Hint[],
  options: LocateOptions,
  effort: Effort,
): Promise<HintPlace | null> {
  try {
    const outcome = await readForward(start, wanted, options, effort);
    return outcome.place;
  } catch (error) {
    if (hasCode(error, 'coordinates') || hasCode(error, 'protocol')) return null;
    throw error;
  }
}

/** Reads forward to a wanted hint, or (if ascending) to one that is newer than all of them. */
async function readForward(
  start: Coordinates,
  wanted: readonly Hint[],
  options: LocateOptions,
  effort: Effort,
): Promise<Outcome> {
  const tokens = new Set(wanted.map((hint) => hint.token));
  const newest = wanted.at(-1);
  let place: HintPlace | null = null;
  let first: Hint | null = null;
  let last: Hint | null = null;
  effort.filesProbed += 1;
  const { bytesScanned } = await scanHints(
    start,
    options,
    (seen) => {
      first ??= seen.hint;
      last = seen.hint;
      if (tokens.has(seen.hint.token)) place = seen;
      const order = newest ? compareHints(seen.hint, newest) : null;
      return place !== null || (order !== null && order > 0);
    },
    () => {
      effort.filesProbed += 1;
      return false;
    },
  );
  effort.bytesScanned += bytesScanned;
  return { place, first, last };
}

async function locateAscending(
  logs: readonly BinaryLog[],
  wanted: readonly Hint[],
  options: LocateOptions,
  effort: Effort,
): Promise<Outcome> {
  const oldest = wanted[0];
  const newest = wanted.at(-1);
  if (!oldest || !newest) return { place: null, first: null, last: null };
  // The last file whose first hint is not newer than the oldest wanted one; the first file if all are newer.
  let low = 0;
  let high = logs.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const first = await firstHintFrom(logs, middle, options, effort);
    if (first !== null && (compareHints(first, oldest) ?? 1) <= 0) low = middle;
    else high = middle - 1;
  }
  const log = logs[low];
  if (!log) return { place: null, first: null, last: null };
  const outcome = await readForward({ file: log.file, position: firstPosition }, wanted, options, effort);
  if (low === 0 || outcome.place !== null) return outcome;
  return { ...outcome, first: await firstHintFrom(logs, 0, options, effort) };
}

/** The first hint at or after a file's beginning. Null if there is none up to the log's end. */
async function firstHintFrom(
  logs: readonly BinaryLog[],
  index: number,
  options: LocateOptions,
  effort: Effort,
): Promise<Hint | null> {
  const log = logs[index];
  if (!log) return null;
  let first: Hint | null = null;
  effort.filesProbed += 1;
  const { bytesScanned } = await scanHints(
    { file: log.file, position: firstPosition },
    options,
    ({ hint }) => {
      first = hint;
      return true;
    },
  );
  effort.bytesScanned += bytesScanned;
  return first;
}

async function locateNewestFirst(
  logs: readonly BinaryLog[],
  wanted: readonly Hint[],
  options: LocateOptions,
  effort: Effort,
): Promise<Outcome> {
  const ages = new Map(wanted.map((hint, index) => [hint.token, index]));
  const found: { place: HintPlace; age: number }[] = [];
  const seen: { any: Hint | null } = { any: null };
  for (const log of logs.toReversed()) {
    effort.filesProbed += 1;
    const { bytesScanned } = await scanHints(
      { file: log.file, position: firstPosition },
      options,
      (place) => {
        seen.any ??= place.hint;
        const age = ages.get(place.hint.token);
        if (age !== undefined) found.push({ place, age });
        return age === 0;
      },
      (file) => file !== log.file,
    );
    effort.bytesScanned += bytesScanned;
    if (found.some(({ age }) => age === 0)) break;
  }
  const oldest = found.toSorted((a, b) => a.age - b.age)[0];
  return { place: oldest?.place ?? null, first: seen.any, last: seen.any };
}

async function lastHintOfFile(log: BinaryLog, options: HintScanOptions): Promise<HintPlace | null> {
  let last: HintPlace | null = null;
  await scanHints(
    { file: log.file, position: firstPosition },
    options,
    (place) => {
      last = place;
      return false;
    },
    (file) => file !== log.file,
  );
  return last;
}

function absence(
  outcome: Outcome,
  wanted: readonly Hint[],
  options: LocateOptions,
  effort: Effort,
): WaymarkError {
  const server = formatAddress(options.instance.address);
  const oldest = wanted[0];
  const newest = wanted.at(-1);
  const what = wanted.length === 1 ? `the hint ${newest?.token ?? ''}` : `any of ${wanted.length} hints`;
  const details = {
    server,
    ...effort,
    firstHint: outcome.first?.token ?? null,
    lastHint: outcome.last?.token ?? null,
  };
  const error = (code: ErrorCode, why: string): WaymarkError =>
    new WaymarkError(code, `${server} doesn't have ${what}: ${why}`, { details });
  if (outcome.first && newest && (compareHints(outcome.first, newest) ?? 0) > 0) {
    return error(
      'purged',
      `the oldest hint in its binary logs, ${outcome.first.token}, is newer. Its older logs are gone`,
    );
  }
  if (outcome.last && oldest && (compareHints(outcome.last, oldest) ?? 0) < 0) {
    return error(
      'behind',
      `the newest hint in its binary logs, ${outcome.last.token}, is older. It has not come that far yet`,
    );
  }
  if (outcome.first === null && outcome.last === null) {
    return error(
      'not-found',
      'there is no hint at all in its binary logs. Are hints injected, and in this format?',
    );
  }
  return error('not-found', 'it has other hints, but not this one');
}
