import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { hasCode } from '../util/errors.js';

/**
 * The stream's record, in the name of a new leader: it is written again under his token at once. From then on whatever
 * an earlier leader sends is refused, and what he has written before is what we go on from.
 * @param store writes under our token.
 */
export async function claimCheckpoint(
  store: CheckpointStore,
  signal: AbortSignal,
): Promise<StoredCheckpoint | null> {
  for (;;) {
    const stored = await store.load(signal);
    if (stored === null) return null;
    try {
      const version = await store.save(stored.checkpoint, stored.version, signal);
      return { checkpoint: stored.checkpoint, version };
    } catch (error) {
      // A last write of the earlier leader came in between: that one counts. If it is a later leader's, we are told so.
      const now = hasCode(error, 'checkpoint-conflict') ? await store.load(signal) : null;
      if (now === null || now.version === stored.version) throw error;
    }
  }
}
