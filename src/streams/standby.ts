import type { CheckpointStore } from '../checkpoint/checkpoint.js';
import type { Election, Leadership } from '../election/election.js';
import { formatAgentId } from '../election/agent-id.js';
import { isAborted, sleep } from '../util/async.js';
import { epochMs } from '../util/clock.js';
import { hasCode, messageOf } from '../util/errors.js';
import type { Stream } from './stream.js';

const watchMs = 3000;

/**
 * Waits to lead, and prepares for it by reading the checkpoint again and again. So the breadcrumbs know the latest
 * hints (see Breadcrumbs), and the status shows how far the leader has come.
 */
export async function standBy(
  stream: Stream,
  store: CheckpointStore,
  election: Election,
  signal: AbortSignal,
): Promise<Leadership> {
  const elected = new AbortController();
  const watching = watch(stream, store, election, AbortSignal.any([signal, elected.signal]));
  try {
    return await election.campaign(signal);
  } finally {
    elected.abort();
    await watching;
  }
}

/** Looks again and again until the signal fires. Never rejects. */
async function watch(
  stream: Stream,
  store: CheckpointStore,
  election: Election,
  signal: AbortSignal,
): Promise<void> {
  const since = epochMs();
  let said = '';
  while (!signal.aborted) {
    try {
      await look(stream, store, election, since, signal);
      said = '';
    } catch (error) {
      if (isAborted(signal)) return;
      // If the store or the election is away, the campaign says so.
      const isAway = hasCode(error, 'checkpoint-store') || hasCode(error, 'election-store');
      const reason = isAway ? said : messageOf(error);
      if (reason !== said) {
        stream.logger.warn(
          { event: 'standby.failed', err: error, reason },
          `The leader's checkpoint can't be followed: ${reason}`,
        );
      }
      said = reason;
    }
    await sleep(watchMs, signal).catch(() => undefined);
  }
}

async function look(
  stream: Stream,
  store: CheckpointStore,
  election: Election,
  since: number,
  signal: AbortSignal,
): Promise<void> {
  const view = await election.show(signal);
  if (view.mine || view.backend === 'none' || signal.aborted) return;
  const leader = view.leader && formatAgentId(view.leader);
  if (leader !== null && leader !== standsByFor(stream)) {
    stream.logger.info({ event: 'standby', leader }, `Standing by: ${leader} leads`);
  }
  stream.standsBy(since, leader);
  const stored = await store.load(signal);
  signal.throwIfAborted();
  if (stored === null) return;
  const { trail, sequence, coordinates } = stored.checkpoint;
  stream.progress.keeper.restore(trail.entries, sequence);
  stream.progress.coordinates = coordinates;
}

function standsByFor({ driver }: Stream): string | null {
  const { phase } = driver.state;
  return phase.kind === 'standing-by' ? phase.leader : null;
}
