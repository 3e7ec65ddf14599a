import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { hasCode } from '../util/errors.js';

/**
 * Claims the checkpoint for a new leader: loads it and writes it again at once under the leader's token. From then on,
 * whatever an earlier leader sends is refused. What it has written before is where this leader goes on from.
 * @param store writes under this leader's token.
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
      // The earlier leader has saved once more in between. Go on from that. If a later leader has saved, the store
      // refuses by name.
      const now = hasCode(error, 'checkpoint-conflict') ? await store.load(signal) : null;
      if (now === null || now.version === stored.version) throw error;
    }
  }
}
