import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import { createCheckpointStore } from '../checkpoint/create-store.js';
import { passes } from '../check/start-verdict.js';
import type { Election, Leadership } from '../election/election.js';
import { sleep } from '../util/async.js';
import { isStoreAway } from '../failover/machine/end.js';
import type { EndOf } from '../failover/machine/event.js';
import { messageOf } from '../util/errors.js';
import { lead, logRefusal } from './leading.js';
import { soleAgent } from './sole-agent.js';
import { standBy } from './standby.js';
import type { Stream } from './stream.js';

const storeRetryMs = { first: 500, last: 10_000 } as const;

/** An agent that learned from others that it no longer leads waits this long, so that they go first. */
const afterFencingMs = 1000;

/** The elections that concern a stream. */
export type StreamElections = {
  /** Of the agents that read it. */
  readonly own: Election;
  /** Of its injectors. It is only looked at. Null: it isn't. */
  readonly injectors: Election | null;
};

/**
 * Runs a stream: stands by, leads, and stands by again when that has ended. Ends by rejecting: with the signal's reason
 * when everything is closed, or with the error that stops the stream for good.
 */
export async function runStream(
  stream: Stream,
  { own: election, injectors }: StreamElections,
  signal: AbortSignal,
): Promise<never> {
  const { config, logger } = stream;
  const alone = config.election.backend === 'none';
  const { account } = stream;
  const store = createCheckpointStore(config.checkpoint, config.stream, { account, logger, alone });
  await stream.prepare(signal);
  const over = new AbortController();
  const followed = stream.follow(injectors, AbortSignal.any([signal, over.signal]));
  try {
    await openStore(store, stream, signal);
    const { holderNote: note, location } = store;
    const guarded = alone && note !== null ? soleAgent(election, { note, location, logger }) : election;
    for (;;) {
      const leadership = await standBy(stream, store, guarded, signal);
      await leadOnce(stream, store, leadership, signal);
      await sleep(afterFencingMs, signal);
    }
  } finally {
    over.abort();
    await followed;
    await store.close();
    stream.token = null;
  }
}

/** Leads once. Resolves when only the leadership has ended. Rejects when the stream has ended. */
async function leadOnce(
  stream: Stream,
  store: CheckpointStore,
  leadership: Leadership,
  signal: AbortSignal,
): Promise<void> {
  const { driver, config, logger } = stream;
  const { token, lost } = leadership;
  stream.token = token;
  try {
    await lead(stream, store, leadership, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const end: EndOf = { leaseLost: lost.aborted, token, storeIsRemote: config.checkpoint.store !== 'file' };
    driver.tell({ type: 'closed', error, end });
    if (driver.state.phase.kind !== 'standing-by') throw error;
    if (isStoreAway(error, end)) logWaiting(stream, error);
    else if (!lost.aborted) logRefusal(logger, error, token);
    stream.rests();
  } finally {
    await leadership.resign();
  }
}

function logWaiting({ logger }: Stream, error: unknown): void {
  logger.warn(
    { event: 'waiting', reason: messageOf(error) },
    `Waiting for the checkpoint store: ${messageOf(error)}`,
  );
}

/** Opens the store. Waits for a store that isn't there yet: agent and store may be started in any order. */
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
