import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import type { Hint, HintFormat } from '../hints/hint.js';
import { type HintPlace, scanHints } from '../matching/hint-scan.js';
import type { Instance } from '../mysql/instance.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { after } from '../util/clock.js';
import { hasCode, messageOf } from '../util/errors.js';
import { formatDuration } from '../util/quantities.js';

/** The newest hint that a quick look found in a server's binary log; else why there is none. */
export type HintSight =
  | {
      readonly hint: Hint;
      /** The id of the server that it was injected on. */
      readonly serverId: number;
    }
  | { readonly hint: null; readonly reason: string };

export type HintSightOptions = {
  readonly instance: Instance;
  readonly logEnd: Coordinates;
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  /** How long the next hint is waited for where the log isn't read. */
  readonly waitMs?: number;
};

/** The newest logs are read as long as they are no more than this together. */
const readBytes = 64 * 1024 * 1024;

/** Hints come every 5 s at most. */
const defaultWaitMs = 6000;

/**
 * Looks for the newest hint without burdening the server: reads its last logs when they are small, else waits for the
 * next hint to come. Rejects with the signal's reason alone.
 */
export async function sightHint(options: HintSightOptions): Promise<HintSight> {
  const { instance, logEnd, signal, waitMs = defaultWaitMs } = options;
  try {
    const logs = await listBinaryLogs(instance, signal);
    let bytes = 0;
    for (const { file, sizeBytes } of logs.toReversed()) {
      bytes += sizeBytes;
      if (bytes > readBytes) break;
      const last = await scan({ file, position: firstPosition }, 'one file', waitMs, options);
      if (last !== null) return { hint: last.hint, serverId: last.serverId };
    }
    if (bytes <= readBytes) return { hint: null, reason: 'there is none in its logs' };
    const next = await scan(logEnd, 'what comes', waitMs, options);
    return next === null
      ? { hint: null, reason: `none came within ${formatDuration(waitMs)}` }
      : { hint: next.hint, serverId: next.serverId };
  } catch (error) {
    signal.throwIfAborted();
    return {
      hint: null,
      reason: hasCode(error, 'missing-grant') ? 'not allowed to read the log' : messageOf(error),
    };
  }
}

/** The last hint of a file, or the first one that comes; what was seen by then when the time is over. */
async function scan(
  start: Coordinates,
  reach: 'one file' | 'what comes',
  limitMs: number,
  { instance, format, signal }: HintSightOptions,
): Promise<HintPlace | null> {
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  // A timer that we hold: one inside AbortSignal.any alone may be collected and never fire.
  const timer = after(limitMs, end);
  signal.addEventListener('abort', end, { once: true });
  const seen: { last: HintPlace | null } = { last: null };
  try {
    await scanHints(
      start,
      { instance, format, signal: ended.signal, nonBlocking: reach === 'one file' },
      (place) => {
        seen.last = place;
        return reach === 'what comes';
      },
      (file) => reach === 'one file' && file !== start.file,
    );
  } catch (error) {
    if (!ended.signal.aborted || signal.aborted) throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
  return seen.last;
}
