import { formatAddress } from '../config/address.js';
import { askServer } from '../mysql/ask.js';
import type { ServerConnection } from '../mysql/connection.js';
import { type Inspection, inspectOver, inspectPurpose } from '../mysql/inspect.js';
import type { Instance } from '../mysql/instance.js';
import { readReplicaList } from '../mysql/replica-list.js';
import { errorNumberOf, isOfServer } from '../mysql/server-error.js';
import { epochMs, monotonicMs } from '../util/clock.js';
import { hasSystemCode, messageOf, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';

/** The outcome of a probe. `turned-away`: the server lives, but refuses the login or the queries. */
export type ProbeOutcome = 'answers' | 'refused' | 'no-answer' | 'turned-away';

/** The result of one look at a server over a new connection. */
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

/** A process that is ending may still reset a connection. A moment later nothing listens any more. */
const resetsBorne = 2;

/**
 * Looks at a server, for at most `timeoutMs`. Every failure of the server or the network is an outcome. Rejects only
 * with the signal's reason, and with bugs.
 */
export async function probe(
  instance: Instance,
  signal: AbortSignal,
  timeoutMs: number = probeTimeoutMs,
): Promise<Probe> {
  const times = { begunMs: monotonicMs(), at: epochMs() };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const left = timeoutMs - (monotonicMs() - times.begunMs);
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
  const begunMs = monotonicMs();
  const reached = { connected: false };
  const question = { purpose: inspectPurpose, signal, limitMs: timeoutMs, connectTimeoutMs: timeoutMs };
  try {
    return await askServer(instance, question, async (connection) => {
      const connectMs = Math.round(monotonicMs() - begunMs);
      reached.connected = true;
      return { connectMs, ...(await lookWithReplicas(connection, instance)) };
    });
  } catch (error) {
    const late = error instanceof WaymarkError && error.cause instanceof TimeOver;
    if (!late || !reached.connected) throw error;
    const server = formatAddress(instance.address);
    throw new WaymarkError('server-unreachable', `${server} accepts connections but answers no query`);
  }
}

async function lookWithReplicas(
  connection: ServerConnection,
  instance: Instance,
): Promise<Omit<Look, 'connectMs'>> {
  const inspection = await inspectOver(connection, instance);
  const listed = await readReplicaList(connection, inspection.facts.version);
  // Replicas that don't report their host can't be distinguished.
  const named = listed?.flatMap(({ address }) => (address === null ? [] : [formatAddress(address)]));
  return { inspection, replicas: named ?? null };
}

/** The reason without the server's name, which is shown beside it anyway. */
function reasonOf(error: WaymarkError): string {
  return messageOf(error.code === 'server-unreachable' ? (error.cause ?? error) : error);
}

function outcomeOf(error: WaymarkError): Exclude<ProbeOutcome, 'answers'> {
  if (errorNumberOf(error) !== null) return 'turned-away';
  // A refused connection is proof enough: nothing listens there.
  return hasSystemCode(error.cause, 'ECONNREFUSED') || isReset(error) ? 'refused' : 'no-answer';
}

/** Whether the other side ended the connection during the probe. */
function isReset({ cause }: WaymarkError): boolean {
  return hasSystemCode(cause, 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST');
}
