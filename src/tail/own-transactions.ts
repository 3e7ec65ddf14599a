import { type Inspection, inspect, isReplica } from '../mysql/inspect.js';
import type { Instance } from '../mysql/instance.js';

const inspectTimeoutMs = 2000;
const inspectAgainAfterMs = 1000;

/**
 * Answers whether what the server wrote itself is left out: yes while it replicates. Asked anew when something of
 * its own comes, because a replica that has been promoted writes history.
 */
export function ownTransactions({
  instance,
  inspection,
  signal,
}: {
  readonly instance: Instance;
  readonly inspection: Inspection;
  readonly signal: AbortSignal;
}): () => Promise<boolean> {
  let replica = isReplica(inspection);
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (replica && performance.now() - askedAtMs > inspectAgainAfterMs) {
      replica = isReplica(await inspect(instance, signal, inspectTimeoutMs));
      askedAtMs = performance.now();
    }
    return replica;
  };
}
