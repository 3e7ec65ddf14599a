import type { Coordinates } from '../binlog/coordinates.js';
import type { HintFormat } from '../hints/hint.js';
import { type HintPlace, scanHints } from '../matching/hint-scan.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { channelStatus, endingOf, type ReplicaControl } from '../mysql/replication-control.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import type { Look } from './look.js';

/** Hints are injected every few seconds; who waits longer learns nothing. */
const arrivalLimitMs = 20_000;

const pollMs = 250;

/**
 * Waits until a hint that stands behind `place` in the new source's log has been applied on the replica; null when
 * none has within the limit. Meanwhile both threads must go on.
 * @throws WaymarkError `replication` when one of them ends.
 */
export async function waitForHint(
  replica: ReplicaControl,
  target: Look,
  place: Coordinates,
  format: HintFormat,
): Promise<string | null> {
  const deadline = monotonicMs() + arrivalLimitMs;
  let hint: HintPlace | null = null;
  for (;;) {
    const status = await channelStatus(replica);
    for (const thread of ['receiver', 'applier'] as const) {
      const why = endingOf(status, thread);
      if (why === '') continue;
      throw new WaymarkError('replication', `The ${thread} of ${replica.server} ended: ${why}`, {
        details: { server: replica.server },
      });
    }
    hint ??= await firstHintBehind(target, place, format, replica.signal);
    if (hint && (await isAtLeast(target, status.executed, hint, replica.signal))) return hint.hint.token;
    if (monotonicMs() > deadline) return null;
    await sleep(pollMs, replica.signal);
  }
}

async function firstHintBehind(
  { instance }: Look,
  start: Coordinates,
  format: HintFormat,
  signal: AbortSignal,
): Promise<HintPlace | null> {
  const found: HintPlace[] = [];
  await scanHints(start, { instance, format, signal }, (place) => {
    found.push(place);
    return true;
  });
  return found[0] ?? null;
}

/** Whether a place in the target's log is at or behind a hint's end there; the order of files is the server's own. */
async function isAtLeast(
  { instance }: Look,
  place: Coordinates,
  hint: HintPlace,
  signal: AbortSignal,
): Promise<boolean> {
  if (place.file === hint.file) return place.position >= hint.endPosition;
  const files = (await listBinaryLogs(instance, signal)).map(({ file }) => file);
  return files.indexOf(place.file) > files.indexOf(hint.file);
}
