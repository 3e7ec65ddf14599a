import { type Coordinates, firstPosition, formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { StartConfig } from '../config/schema.js';
import { parseHint } from '../hints/hint.js';
import { type Inspection, isReplica } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server.js';
import { WaymarkError } from '../util/errors.js';
import { type HintPlace, scanHints } from './hint-scan.js';
import { behind, type HistoryOptions, readHistory } from './history.js';
import { locateHint } from './locate.js';
import type { TrailEntry } from './trail.js';
import type { ResumePoint } from './match-state.js';

export type FirstTrailOptions = Omit<HistoryOptions, 'start' | 'replicaServerId'> & {
  readonly inspection: Inspection;
};

/**
 * How far before the start position the trail may begin. The further, the more out of order the next server may be;
 * this much is read in a fraction of a second.
 */
const lookBackBytes = 32 * 1024 * 1024;

/** Log files looked at, newest first, for a hint before the start position. */
const lookBackFiles = 3;

/**
 * Where a reader without a checkpoint begins, with the trail that it would have, had it read before: from a hint
 * before the place up to it. The trail is empty when no hint is near; then no other server can be matched until the
 * first hint comes.
 *
 * @throws WaymarkError `coordinates` (the place isn't in the server's log, or lies inside a transaction: then the
 * message names the boundaries around it), `unsuitable-server` (no binary log), the errors of locateHint for
 * `{hint}`, and what reading the log throws.
 */
export async function beginTrail(start: StartConfig, options: FirstTrailOptions): Promise<ResumePoint> {
  const server = formatAddress(options.instance.address);
  const { logEnd } = options.inspection;
  if (logEnd === null) {
    throw new WaymarkError('unsuitable-server', `${server} writes no binary log (log_bin is OFF)`, {
      details: { server },
    });
  }
  if (start.at === 'hint') {
    const place = await locateHint([parseHint(start.hint, options.format)], options);
    return readTrail(place, behind(place), options);
  }
  const logs = await listBinaryLogs(options.instance, options.signal);
  const target = targetOf(start, logs, logEnd, server);
  const hint = await hintBefore(target, logs, options);
  if (hint === null) {
    if (start.at === 'coordinates') await requireBoundary(target, options);
    return { coordinates: target, trail: [], sequence: 0, sourceServerId: null, skip: [] };
  }
  return readTrail(hint, target, options);
}

function targetOf(
  start: Exclude<StartConfig, { at: 'hint' }>,
  logs: readonly BinaryLog[],
  logEnd: Coordinates,
  server: string,
): Coordinates {
  switch (start.at) {
    case 'latest':
      return logEnd;
    case 'earliest':
      return { file: logs[0]?.file ?? logEnd.file, position: firstPosition };
    case 'coordinates': {
      const target = { file: start.file, position: start.position };
      const log = logs.find(({ file }) => file === target.file);
      const length = target.file === logEnd.file ? logEnd.position : log?.sizeBytes;
      if (length === undefined) {
        throw coordinatesError(
          server,
          target,
          `there is no such file. It has ${logs[0]?.file ?? 'none'} to ${logs.at(-1)?.file ?? 'none'}`,
        );
      }
      if (target.position > length) {
        throw coordinatesError(server, target, `the file is only ${length} bytes long`);
      }
      return target;
    }
  }
}

function coordinatesError(server: string, target: Coordinates, why: string): WaymarkError {
  return new WaymarkError(
    'coordinates',
    `${server} has no place ${formatCoordinates(target)} in its binary log: ${why}. ` +
      `Correct "start", or write "latest", "earliest" or a hint`,
    { details: { server, ...target } },
  );
}

/** The oldest hint within reach before the target; null when there is none. */
async function hintBefore(
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: FirstTrailOptions,
): Promise<HintPlace | null> {
  const last = logs.findIndex(({ file }) => file === target.file);
  for (let index = last; index >= 0 && index > last - lookBackFiles; index -= 1) {
    const log = logs[index];
    if (!log) return null;
    const limit = log.file === target.file ? target.position : Number.POSITIVE_INFINITY;
    const places: HintPlace[] = [];
    await scanHints(
      { file: log.file, position: firstPosition },
      options,
      (place) => {
        if (place.endPosition <= limit) places.push(place);
        return place.endPosition >= limit;
      },
      (file) => file !== log.file,
    );
    const newest = places.at(-1);
    if (newest) {
      const end = Math.min(limit, log.sizeBytes);
      return places.find((place) => end - place.endPosition <= lookBackBytes) ?? newest;
    }
  }
  return null;
}

/** Reads the history from a hint up to the target, without delivering. */
async function readTrail(
  hint: HintPlace,
  target: Coordinates,
  options: FirstTrailOptions,
): Promise<ResumePoint> {
  const trail: TrailEntry[] = [
    { kind: 'hint', hint: hint.hint, coordinates: { file: hint.file, position: hint.position } },
  ];
  let sequence = 0;
  let { serverId: sourceServerId } = hint;
  let previousEnd = behind(hint);
  const finish = (): ResumePoint => ({ coordinates: target, trail, sequence, sourceServerId, skip: [] });
  if (reached(previousEnd, target)) return finish();
  for await (const steps of readHistory({
    ...options,
    ...historyOptions(options),
    start: previousEnd,
    sourceServerId,
  })) {
    for (const step of steps) {
      if (reached(step.start, target)) return finish();
      if (passed(step.end, target)) throw insideTransaction(options, target, step.start, step.end);
      if (step.kind === 'hint') {
        trail.push({ kind: 'hint', hint: step.hint, coordinates: step.start });
        sequence = 0;
        sourceServerId = step.serverId;
      } else if (!step.bornHere) {
        trail.push({ kind: 'transaction', identity: step.identity });
        sequence += 1;
      }
      previousEnd = step.end;
      if (reached(previousEnd, target)) return finish();
    }
  }
  // The dump ended at the log's end: what is left before the target holds no history.
  return finish();
}

/** Without a hint to read from: reading from the file's beginning must come to the place between two transactions. */
async function requireBoundary(target: Coordinates, options: FirstTrailOptions): Promise<void> {
  if (target.position === firstPosition) return;
  const start = { file: target.file, position: firstPosition };
  for await (const steps of readHistory({ ...options, ...historyOptions(options), start })) {
    for (const step of steps) {
      if (reached(step.start, target)) return;
      if (passed(step.end, target)) throw insideTransaction(options, target, step.start, step.end);
    }
  }
}

function historyOptions(options: FirstTrailOptions): { nonBlocking: true; replicaServerId: number | null } {
  return {
    nonBlocking: true,
    replicaServerId: isReplica(options.inspection) ? options.inspection.facts.serverId : null,
  };
}

/** At the target or, which only a place without history does, behind it: in its file or in a later one. */
function reached(place: Coordinates, target: Coordinates): boolean {
  return place.file === target.file && place.position >= target.position;
}

function passed(end: Coordinates, target: Coordinates): boolean {
  return end.file === target.file && end.position > target.position;
}

function insideTransaction(
  options: FirstTrailOptions,
  target: Coordinates,
  start: Coordinates,
  end: Coordinates,
): WaymarkError {
  const server = formatAddress(options.instance.address);
  return new WaymarkError(
    'coordinates',
    `${formatCoordinates(target)} on ${server} lies inside the transaction from ${formatCoordinates(start)} to ` +
      `${formatCoordinates(end)}. Begin at one of these`,
    { details: { server, ...target } },
  );
}
