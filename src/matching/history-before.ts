import { type Coordinates, firstPosition, formatCoordinates } from '../binlog/coordinates.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import { formatAddress } from '../config/address.js';
import type { Instance } from '../mysql/instance.js';
import { type Inspection, isReplica } from '../mysql/inspect.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { WaymarkError } from '../util/errors.js';
import { type HintPlace, type HintScanOptions, scanHints } from './hint-scan.js';
import { type HistoryOptions, readHistory } from './history.js';
import type { HistoryStep } from './match-state.js';

export type HistoryBeforeOptions = Omit<HistoryOptions, 'start' | 'replicaServerId'> &
  Pick<HintScanOptions, 'onProgress'> & { readonly inspection: Inspection };

/**
 * How far before a place its history may begin. The further, the more the other server may be out of order. Reading
 * this much takes a fraction of a second.
 */
const lookBackBytes = 32 * 1024 * 1024;

/** Log files looked at, newest first, for a hint before a place. */
const lookBackFiles = 3;

/** Whether a place exists in a server's binary logs. */
export function hasPlace(logs: readonly BinaryLog[], { file, position }: Coordinates): boolean {
  return logs.some((log) => log.file === file && log.sizeBytes >= position);
}

/**
 * Makes sure that a place is within a server's binary log.
 * @param advice what to do about it if not.
 * @throws WaymarkError `coordinates`
 */
export function requirePlace(
  target: Coordinates,
  logs: readonly BinaryLog[],
  { inspection, instance }: { readonly inspection: Inspection; readonly instance: Instance },
  advice: string,
): void {
  const log = logs.find(({ file }) => file === target.file);
  const end = inspection.logEnd;
  // The list may be newer than the look at the server.
  const length = target.file === end?.file ? Math.max(end.position, log?.sizeBytes ?? 0) : log?.sizeBytes;
  const refuse = (why: string): WaymarkError => {
    const server = formatAddress(instance.address);
    return new WaymarkError(
      'coordinates',
      `${server} does not have the place ${formatCoordinates(target)} in its binary log: ${why}. ${advice}`,
      { details: { server, ...target } },
    );
  };
  if (length === undefined) {
    throw refuse(
      `there is no such file. It has ${logs[0]?.file ?? 'none'} to ${logs.at(-1)?.file ?? 'none'}`,
    );
  }
  if (target.position > length) throw refuse(`the file is only ${length} bytes long`);
}

/** The oldest hint within reach before the target, or else the newest one before it. Null if none is near. */
export async function hintBefore(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<HintPlace | null> {
  const last = logs.findIndex(({ file }) => file === target.file);
  let found: HintPlace | null = null;
  /** Bytes between the end of the file looked at and the target. */
  let bytesBehind = 0;
  for (let index = last; index >= 0 && index > last - lookBackFiles; index -= 1) {
    const log = logs[index];
    if (!log || (found !== null && bytesBehind >= lookBackBytes)) break;
    const end = log.file === target.file ? target.position : log.sizeBytes;
    const places = await hintsOfFile(log.file, end, options);
    const within = places.find((place) => bytesBehind + end - place.endPosition <= lookBackBytes);
    found = within ?? found ?? places.at(-1) ?? null;
    bytesBehind += end;
  }
  return found;
}

/** The hints in a file up to a position. */
async function hintsOfFile(
  file: string,
  end: number,
  options: HistoryBeforeOptions,
): Promise<readonly HintPlace[]> {
  const places: HintPlace[] = [];
  await scanHints(
    { file, position: firstPosition },
    options,
    (place) => {
      if (place.endPosition <= end) places.push(place);
      return place.endPosition >= end;
    },
    (current) => current !== file,
  );
  return places;
}

/** Where reading a history begins, and who the source was there (null: not known). */
export type HistoryStart = { readonly at: Coordinates; readonly sourceServerId: number | null };

/**
 * Reads a server's history from one place to a later one, and visits each step. Parts of the log that aren't history
 * (a rotation, an empty transaction) are skipped.
 * @param logs the server's files, to know which come after the target's.
 * @throws WaymarkError `coordinates` when the target lies inside a transaction; the message names the boundaries
 * around it; and what readHistory throws.
 */
export async function readUpTo(
  start: HistoryStart,
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
  visit: (step: HistoryStep) => void,
): Promise<void> {
  const upToTarget = new Set(
    logs.slice(0, logs.findIndex(({ file }) => file === target.file) + 1).map(({ file }) => file),
  );
  const reached = ({ file, position }: Coordinates): boolean =>
    file === target.file ? position >= target.position : !upToTarget.has(file);
  if (reached(start.at)) return;
  const replicaServerId = isReplica(options.inspection) ? options.inspection.facts.serverId : null;
  const around: Pick<EndedTransaction, 'start' | 'end'>[] = [];
  for await (const steps of readHistory({
    ...options,
    replicaServerId,
    nonBlocking: true,
    start: start.at,
    sourceServerId: start.sourceServerId,
    onTransaction: ({ start: begin, end }) => {
      if (!reached(begin) && end.file === target.file && end.position > target.position)
        around.push({ start: begin, end });
    },
  })) {
    const [inside] = around;
    if (inside !== undefined) throw insideTransaction(options.instance, target, inside);
    for (const step of steps) {
      if (reached(step.start)) return;
      visit(step);
      if (reached(step.end)) return;
    }
  }
}

/** Makes sure, without a hint to read from, that the target lies between two transactions. */
export async function requireBoundary(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<void> {
  const at = { file: target.file, position: firstPosition };
  await readUpTo({ at, sourceServerId: null }, target, logs, options, () => undefined);
}

function insideTransaction(
  instance: Instance,
  target: Coordinates,
  { start, end }: Pick<EndedTransaction, 'start' | 'end'>,
): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'coordinates',
    `${formatCoordinates(target)} on ${server} is inside the transaction from ` +
      `${formatCoordinates(start)} to ${formatCoordinates(end)}. Begin at one of these`,
    { details: { server, ...target, boundaries: [start, end] } },
  );
}
