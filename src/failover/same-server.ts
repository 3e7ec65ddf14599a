import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { type HintFormat } from '../hints/hint.js';
import { scanHints } from '../matching/hint-scan.js';
import type { TrailEntry } from '../matching/trail.js';
import type { Instance } from '../mysql/instance.js';
import type { Inspection } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { hasCode } from '../util/errors.js';

/** What was read on a server, and the server's ids. */
export type ReadPlace = {
  readonly serverId: number;
  readonly uuid: string;
  readonly coordinates: Coordinates;
  readonly trail: readonly TrailEntry[];
};

/**
 * Whether a server that answers is still the one that was read, with the same log: its ids, its list of log files,
 * and the last hint, which must be where it was. Returns what has changed, or null. A purged file is a change, too,
 * because what follows is no longer available here.
 * @throws what reading the log throws when the server can't be asked.
 */
export async function whatChanged(
  instance: Instance,
  { facts }: Inspection,
  place: ReadPlace,
  format: HintFormat,
  signal: AbortSignal,
): Promise<string | null> {
  if (facts.uuid !== place.uuid) return 'another server answers at its address (its unique id differs)';
  if (facts.serverId !== place.serverId) {
    return `its server_id was ${place.serverId} and is ${facts.serverId}`;
  }
  const { file, position } = place.coordinates;
  const log = (await listBinaryLogs(instance, signal)).find((candidate) => candidate.file === file);
  if (log === undefined) return `its binary log ${file} is gone`;
  if (log.sizeBytes < position) return `its binary log ${file} is shorter than what was read of it`;
  const last = place.trail.findLast((entry) => entry.kind === 'hint');
  return last?.kind === 'hint' ? hintGone(last, { instance, format, signal }) : null;
}

/** The first hint at or after the place must be the one that was there. */
async function hintGone(
  { hint, coordinates }: Extract<TrailEntry, { kind: 'hint' }>,
  options: { readonly instance: Instance; readonly format: HintFormat; readonly signal: AbortSignal },
): Promise<string | null> {
  const gone = `the last hint is no longer at ${formatCoordinates(coordinates)} of its log`;
  const seen: { first: string | null } = { first: null };
  try {
    await scanHints(coordinates, options, (place) => {
      seen.first = place.hint.token;
      return true;
    });
  } catch (error) {
    // No event begins there, or the bytes there are not an event.
    if (hasCode(error, 'coordinates') || hasCode(error, 'protocol')) return gone;
    throw error;
  }
  return seen.first === hint.token ? null : gone;
}
