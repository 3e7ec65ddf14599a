import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { StartConfig } from '../config/schema.js';
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
import type { TrailEntry } from './trail.js';
import type { ResumePoint } from './match-state.js';

/**
 * Where a reader without a checkpoint begins, with the trail from a hint before the place up to it, as if it had read
 * that part. The trail is empty if no hint is near. Then no other server can be matched until the first hint comes.
 *
 * @throws WaymarkError `coordinates` (the place isn't in the server's log, or lies inside a transaction: then the
 * message names the boundaries around it), `unsuitable-server` (no binary log), the errors of locateHint for
 * `{hint}`, and what reading the log throws.
 */
export async function beginTrail(start: StartConfig, options: HistoryBeforeOptions): Promise<ResumePoint> {
  const { logEnd } = options.inspection;
  if (logEnd === null) {
    const server = formatAddress(options.instance.address);
    throw new WaymarkError('unsuitable-server', `${server} ${noBinaryLog}`, {
      details: { server },
    });
  }
  if (start.at === 'hint') {
    const { hint, ...place } = await locateHint([parseHint(start.hint, options.format)], options);
    const coordinates = behind(place);
    const at = { file: place.file, position: place.position };
    return {
      coordinates,
      trail: [{ kind: 'hint', hint, coordinates: at }],
      sequence: 0,
      sourceServerId: place.serverId,
      skip: [],
    };
  }
  const logs = await listBinaryLogs(options.instance, options.signal);
  const target = targetOf(start, logs, logEnd);
  if (start.at === 'coordinates') {
    requirePlace(target, logs, options, 'Correct "start", or write "latest", "earliest" or a hint');
  }
  const hint = await hintBefore(target, logs, options);
  if (hint === null) {
    if (start.at === 'coordinates') await requireBoundary(target, logs, options);
    return { coordinates: target, trail: [], sequence: 0, sourceServerId: null, skip: [] };
  }
  return readTrail(hint, target, logs, options);
}

function targetOf(
  start: Exclude<StartConfig, { at: 'hint' }>,
  logs: readonly BinaryLog[],
  logEnd: Coordinates,
): Coordinates {
  switch (start.at) {
    case 'latest':
      return logEnd;
    case 'earliest':
      return { file: logs[0]?.file ?? logEnd.file, position: firstPosition };
    case 'coordinates':
      return { file: start.file, position: start.position };
  }
}

/** Reads the history from a hint up to the target, without delivering. */
async function readTrail(
  hint: HintPlace,
  target: Coordinates,
  logs: readonly BinaryLog[],
  options: HistoryBeforeOptions,
): Promise<ResumePoint> {
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
    } else if (!step.errant) {
      trail.push({ kind: 'transaction', identity: step.identity });
      sequence += 1;
    }
  });
  return { coordinates: target, trail, sequence, sourceServerId, skip: [] };
}
