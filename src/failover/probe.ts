import { formatAddress } from '../config/address.js';
import { askServer } from '../mysql/ask.js';
import type { ServerConnection } from '../mysql/connection.js';
import { type Inspection, lookAt, lookPurpose } from '../mysql/inspect.js';
import type { Instance } from '../mysql/instance.js';
import { readReplicaList } from '../mysql/replica-list.js';
import { errorNumberOf, isOfServer } from '../mysql/server-error.js';
import { hasSystemCode, messageOf, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';

/** What became of a probe. `turned-away`: the server lives and doesn't let us in, or doesn't let us look. */
export type ProbeOutcome = 'answers' | 'refused' | 'no-answer' | 'turned-away';

/** What one look at a server over a new connection has shown. */
export type Probe = {
  /** On the monotonic clock. */
  readonly begunMs: number;
  /** Milliseconds since 1970. */
  readonly at: number;
} & (
  | {
      readonly outcome: 'answers';
      readonly connectMs: number;
      readonly inspection: Inspection;
      readonly replicas: readonly string[] | null;
    }
  | { readonly outcome: Exclude<ProbeOutcome, 'answers'>; readonly reason: string }
);

/** How long a server may take to answer a probe, from the first packet to the last. */
export const probeTimeoutMs = 700;

/** A process that is just ending still resets a connection; a moment later nobody listens any more. */
const resetsBorne = 2;

/**
 * Looks at a server, for no longer than `timeoutMs`. Whatever the server or the network has caused is an outcome; rejects
 * with the signal's reason, and with a mistake of ours.
 */
export async function probe(
  instance: Instance,
  signal: AbortSignal,
  timeoutMs: number = probeTimeoutMs,
): Promise<Probe> {
  const times = { begunMs: performance.now(), at: Date.now() };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const left = timeoutMs - (performance.now() - times.begunMs);
      return { ...times, outcome: 'answers', ...(await look(instance, signal, Math.max(left, 1))) };
    } catch (error) {
      signal.throwIfAborted();
      if (!isOfServer(error)) throw error;
      if (isReset(error) && attempt < resetsBorne) continue;
      return { ...times, outcome: outcomeOf(error), reason: reasonOf(error) };
    }
  }
}

type Look = Pick<Extract<Probe, { outcome: 'answers' }>, 'connectMs' | 'inspection' | 'replicas'>;

async function look(instance: Instance, signal: AbortSignal, timeoutMs: number): Promise<Look> {
  const begunMs = performance.now();
  const reached = { connected: false };
  const question = { purpose: lookPurpose, signal, limitMs: timeoutMs, connectTimeoutMs: timeoutMs };
  try {
    return await askServer(instance, question, async (connection) => {
      const connectMs = Math.round(performance.now() - begunMs);
      reached.connected = true;
      return { connectMs, ...(await lookWithReplicas(connection, instance)) };
    });
  } catch (error) {
    const late = error instanceof WaymarkError && error.cause instanceof TimeOver;
    if (!late || !reached.connected) throw error;
    const server = formatAddress(instance.address);
    throw new WaymarkError('server-unreachable', `${server} accepts connections and answers no query`);
  }
}

async function lookWithReplicas(
  connection: ServerConnection,
  instance: Instance,
): Promise<Omit<Look, 'connectMs'>> {
  const inspection = await lookAt(connection, instance);
  const listed = await readReplicaList(connection, inspection.facts.version);
  // Those that don't report their host can't be told apart.
  const named = listed?.flatMap(({ address }) => (address === null ? [] : [formatAddress(address)]));
  return { inspection, replicas: named ?? null };
}

/** Who can't be reached is said already wherever it is shown: what comes of trying says more. */
function reasonOf(error: WaymarkError): string {
  return messageOf(error.code === 'server-unreachable' ? (error.cause ?? error) : error);
}

function outcomeOf(error: WaymarkError): Exclude<ProbeOutcome, 'answers'> {
  if (errorNumberOf(error) !== null) return 'turned-away';
  // A refused connection is proof enough: nobody listens there.
  return hasSystemCode(error.cause, 'ECONNREFUSED') || isReset(error) ? 'refused' : 'no-answer';
}

/** The other side ended the connection while we were at it. */
function isReset({ cause }: WaymarkError): boolean {
  return hasSystemCode(cause, 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST');
}
