import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { type HintFormat } from '../hints/hint.js';
import { scanHints } from '../matching/hint-scan.js';
import type { TrailEntry } from '../matching/trail.js';
import type { Instance } from '../mysql/instance.js';
import type { Inspection } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { hasCode } from '../util/errors.js';

/** What was read on a server, and who it was. */
export type ReadPlace = {
  readonly serverId: number;
  readonly uuid: string;
  readonly coordinates: Coordinates;
  readonly trail: readonly TrailEntry[];
};

/**
 * Whether a server that answers is still the one that was read, with the same log: its ids, its list of log files,
 * and the last hint, which must stand where it stood. Says what has changed; null when nothing has. A file that is
 * gone because it was purged is a change, too: what follows is no longer to be had here.
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

/** The first hint at or behind the place must be the one that stood there. */
async function hintGone(
  { hint, coordinates }: Extract<TrailEntry, { kind: 'hint' }>,
  options: { readonly instance: Instance; readonly format: HintFormat; readonly signal: AbortSignal },
): Promise<string | null> {
  const gone = `the last hint doesn't stand at ${formatCoordinates(coordinates)} of its log any more`;
  const seen: { first: string | null } = { first: null };
  try {
    await scanHints(coordinates, options, (place) => {
      seen.first = place.hint.token;
      return true;
    });
  } catch (error) {
    // The log has no event that begins there, or what stands there is none.
    if (hasCode(error, 'coordinates') || hasCode(error, 'protocol')) return gone;
    throw error;
  }
  return seen.first === hint.token ? null : gone;
}
