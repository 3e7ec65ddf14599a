import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { AnchorsConfig, StartConfig } from '../config/schema.js';
import type { GtidState } from '../gtids/gtid-state.js';
import { parseHint } from '../hints/hint.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { noBinaryLog } from '../mysql/server-error.js';
import { WaymarkError } from '../util/errors.js';
import type { HintPlace } from './hint-scan.js';
import { behind } from './history.js';
import {
  hintBefore,
  type HistoryBeforeOptions,
  readUpTo,
  requireBoundary,
  requirePlace,
} from './history-before.js';
import { locateHint } from './locate.js';
import type { ResumePoint } from './match-state.js';
import { placeBehindGtid, placeOfTime } from './start-place.js';
import type { AnchorKind, TrailEntry } from './trail.js';
import { trailBefore } from './trail-before.js';

/** Where a stream begins, and what anchors it from then on. */
export type FirstTrail = ResumePoint & {
  readonly anchors: AnchorKind;
  /** Everything before the place, by GTID. Null if hints anchor the stream. */
  readonly delivered: GtidState | null;
};

/**
 * Where a reader without a checkpoint begins, with the trail up to that place, as if it had read that part. The trail
 * is empty if there is nothing near by which it could be anchored. Then no other server can be matched until the first
 * anchor comes.
 * @param anchors `auto`: hints, if one is near the place or the log's end, else GTIDs, if the server has them.
 *
 * @throws WaymarkError `coordinates` (the place isn't in the server's log, or lies inside a transaction: then the
 * message names the boundaries around it), `unsuitable-server` (no binary log, or `anchors: gtid` and no GTIDs), the
 * errors of locateHint for `{hint}` and of locateGtid for `{gtid}`, and what reading the log throws.
 */
export async function beginTrail(
  start: StartConfig,
  anchors: AnchorsConfig,
  options: HistoryBeforeOptions,
): Promise<FirstTrail> {
  const { logEnd } = options.inspection;
  if (logEnd === null) throw unsuitable(options, noBinaryLog);
  if (start.at === 'hint' && anchors !== 'gtid') return fromHint(start.hint, options);
  const logs = await listBinaryLogs(options.instance, options.signal);
  const target = await targetOf(start, logs, logEnd, options);
  if (start.at === 'coordinates') {
    requirePlace(target, logs, options, 'Correct "start", or write "latest", "earliest", a hint, or a GTID');
  }
  const hint = anchors === 'gtid' ? null : await hintBefore(target, logs, options);
  if (hint !== null) return readTrail(hint, target, logs, options);
  if (await isByGtid(anchors, target, logEnd, logs, options)) {
    const before = await trailBefore(target, logs, options);
    if (before !== null) {
      const { trail, state: delivered } = before;
      return { ...placeAt(target), trail, anchors: 'gtid', delivered };
    }
    if (anchors === 'gtid') throw unsuitable(options, noGtids);
  }
  if (start.at === 'coordinates') await requireBoundary(target, logs, options);
  return { ...placeAt(target), anchors: 'hint', delivered: null };
}

const noGtids = 'gives transactions no GTIDs, but "anchors: gtid" is set';
const ownGtids =
  'gives transactions GTIDs of its own (wsrep_gtid_mode is OFF), so they are not found on other servers, but ' +
  '"anchors: gtid" is set';

/**
 * Whether GTIDs are to anchor a stream that has no hint before its beginning. Hints that come after it say that
 * somebody injects them.
 */
async function isByGtid(
  anchors: AnchorsConfig,
  target: Coordinates,
  logEnd: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<boolean> {
  const { gtids } = options.inspection.facts;
  switch (anchors) {
    case 'hints':
      return false;
    case 'gtid':
      if (gtids === 'none') throw unsuitable(options, noGtids);
      if (gtids === 'own') throw unsuitable(options, ownGtids);
      return true;
    case 'auto': {
      if (gtids !== 'shared') return false;
      const isEnd = target.file === logEnd.file && target.position >= logEnd.position;
      return isEnd || (await hintBefore(logEnd, logs, options)) === null;
    }
  }
}

function unsuitable({ instance }: HistoryBeforeOptions, why: string): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError('unsuitable-server', `${server} ${why}`, { details: { server } });
}

/** A place with nothing known before it. */
function placeAt(coordinates: Coordinates): ResumePoint {
  return { coordinates, trail: [], sequence: 0, sourceServerId: null, skip: [] };
}

async function fromHint(text: string, options: HistoryBeforeOptions): Promise<FirstTrail> {
  const { hint, ...place } = await locateHint([parseHint(text, options.format)], options);
  const at = { file: place.file, position: place.position };
  return {
    ...placeAt(behind(place)),
    trail: [{ kind: 'hint', hint, coordinates: at }],
    sourceServerId: place.serverId,
    ...{ anchors: 'hint', delivered: null },
  };
}

async function targetOf(
  start: StartConfig,
  logs: readonly BinaryLog[],
  logEnd: Coordinates,
  options: HistoryBeforeOptions,
): Promise<Coordinates> {
  switch (start.at) {
    case 'latest':
      return logEnd;
    case 'earliest':
      return { file: logs[0]?.file ?? logEnd.file, position: firstPosition };
    case 'coordinates':
      return { file: start.file, position: start.position };
    case 'hint':
      return behind(await locateHint([parseHint(start.hint, options.format)], options));
    case 'gtid':
      return placeBehindGtid(start.gtid, options);
    case 'time':
      return placeOfTime(start.timeMs, logs, logEnd, options);
  }
}

/** Reads the history from a hint up to the target, without delivering. */
async function readTrail(
  hint: HintPlace,
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<FirstTrail> {
  const trail: TrailEntry[] = [
    { kind: 'hint', hint: hint.hint, coordinates: { file: hint.file, position: hint.position } },
  ];
  let sequence = 0;
  let { serverId: sourceServerId } = hint;
  await readUpTo({ at: behind(hint), sourceServerId }, target, logs, options, (step) => {
    if (step.kind === 'hint') {
      trail.push({ kind: 'hint', hint: step.hint, coordinates: step.start });
      sequence = 0;
      sourceServerId = step.serverId;
    } else if (step.kind === 'transaction' && !step.errant) {
      trail.push({ kind: 'transaction', identity: step.identity });
      sequence += 1;
    }
  });
  return { ...placeAt(target), trail, sequence, sourceServerId, anchors: 'hint', delivered: null };
}
