import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import { createCheckpointStore } from '../checkpoint/create-store.js';
import { passes } from '../conditions/at-start.js';
import type { Election, Leadership } from '../election/lease.js';
import { sleep } from '../util/async.js';
import { hasCode, messageOf } from '../util/errors.js';
import { lead, type LeaderMeans, logRefusal } from './lead.js';
import { standBy } from './standby.js';
import type { Stream } from './stream.js';

const storeRetryMs = { first: 500, last: 10_000 } as const;

/** An agent that was told by others that it leads no longer lets them go first. */
const afterFencingMs = 1000;

/**
 * A stream's life: stand by, lead, and when that is over stand by again. Ends by rejecting: with the signal's reason
 * when everything is closed, or with what stops the stream for good.
 */
export async function runStream(stream: Stream, election: Election, signal: AbortSignal): Promise<never> {
  const { config, logger } = stream;
  const store = createCheckpointStore(config.checkpoint, config.stream, { account: stream.account, logger });
  const over = new AbortController();
  const { followed, ended } = stream.follow(AbortSignal.any([signal, over.signal]));
  try {
    await openStore(store, stream, signal);
    for (;;) {
      const leadership = await standBy(stream, store, election, signal);
      await leadOnce(stream, { ...followed, store, leadership }, signal);
      await sleep(afterFencingMs, signal);
    }
  } finally {
    over.abort();
    await ended;
    await store.close();
    stream.token = null;
  }
}

/** Resolves when the leadership has ended and the stream has not. */
async function leadOnce(stream: Stream, means: LeaderMeans, signal: AbortSignal): Promise<void> {
  const { leadership } = means;
  stream.token = leadership.token;
  try {
    await lead(stream, means, signal);
  } catch (error) {
    if (signal.aborted || !endsLeadershipOnly(error, leadership, stream)) throw error;
    if (isAway(error, stream)) logWaiting(stream, error);
    else if (!leadership.lost.aborted) logRefusal(stream.logger, error, leadership.token);
    stream.rests({ kind: 'standby', since: Date.now(), leader: null });
  } finally {
    await leadership.resign();
  }
}

/** Whether somebody else leads now, or shall: what we meet then is no failure of the stream. */
function endsLeadershipOnly(error: unknown, { lost, token }: Leadership, stream: Stream): boolean {
  if (lost.aborted || hasCode(error, 'not-leader') || isAway(error, stream)) return true;
  // Somebody has written the checkpoint: he must lead.
  return token > 0 && hasCode(error, 'checkpoint-conflict');
}

/** Whether the store can't be reached, and may be later. */
function isAway(error: unknown, { config }: Stream): boolean {
  return config.checkpoint.store !== 'file' && hasCode(error, 'checkpoint-store');
}

function logWaiting({ logger }: Stream, error: unknown): void {
  logger.warn(
    { event: 'waiting', reason: messageOf(error) },
    `Waiting for the checkpoint store: ${messageOf(error)}`,
  );
}

/** A store that isn't there yet is waited for: the agent and it may be started in any order. */
async function openStore(store: CheckpointStore, stream: Stream, signal: AbortSignal): Promise<void> {
  for (let waitMs: number = storeRetryMs.first; ; waitMs = Math.min(waitMs * 2, storeRetryMs.last)) {
    try {
      await store.open(signal);
      return;
    } catch (error) {
      if (!passes(error)) throw error;
      signal.throwIfAborted();
      logWaiting(stream, error);
      await sleep(waitMs, signal);
    }
  }
}
