import type { Connection } from 'mysql2/promise';
import { formatAddress } from '../config/address.js';
import { close, connect, discard } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { type Inspection, lookAt } from '../mysql/inspect.js';
import { isServerError, serverError } from '../mysql/server-error.js';
import { readReplicaList } from '../mysql/replica-list.js';
import { withDeadline } from '../util/async.js';
import { messageOf, WaymarkError, hasSystemCode } from '../util/errors.js';

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

/** Looks at a server. Never rejects but for the signal's reason, and takes no longer than `timeoutMs`. */
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
      if (isReset(error) && attempt < resetsBorne) continue;
      return { ...times, outcome: outcomeOf(error), reason: reasonOf(error) };
    }
  }
}

type Look = Pick<Extract<Probe, { outcome: 'answers' }>, 'connectMs' | 'inspection' | 'replicas'>;

async function look(instance: Instance, signal: AbortSignal, timeoutMs: number): Promise<Look> {
  const begunMs = performance.now();
  const connection = await connect(instance, { signal, connectTimeoutMs: timeoutMs });
  const connectMs = Math.round(performance.now() - begunMs);
  const late = (): WaymarkError =>
    new WaymarkError(
      'server-unreachable',
      `${formatAddress(instance.address)} accepts connections and answers no query`,
    );
  try {
    const seen = await withDeadline(
      lookWithReplicas(connection, instance),
      Math.max(timeoutMs - connectMs, 1),
      late,
    );
    await close(connection);
    return { connectMs, ...seen };
  } catch (error) {
    discard(connection);
    throw serverError(error, instance, 'say how it is set and how it replicates');
  }
}

async function lookWithReplicas(
  connection: Connection,
  instance: Instance,
): Promise<Omit<Look, 'connectMs'>> {
  const inspection = await lookAt(connection, instance);
  const listed = await readReplicaList(connection, inspection.facts.version);
  // Those that don't report their host can't be told apart.
  const named = listed?.flatMap(({ address }) => (address === null ? [] : [formatAddress(address)]));
  return { inspection, replicas: named ?? null };
}

/** Who can't be reached is said already wherever it is shown: what comes of trying says more. */
function reasonOf(error: unknown): string {
  const isUnreachable = error instanceof WaymarkError && error.code === 'server-unreachable';
  return messageOf(isUnreachable ? (error.cause ?? error) : error);
}

function outcomeOf(error: unknown): Exclude<ProbeOutcome, 'answers'> {
  const cause = causeOf(error);
  if (isServerError(cause) && cause.errno > 0) return 'turned-away';
  // A refused connection is proof enough: nobody listens there.
  return hasSystemCode(causeOf(error), 'ECONNREFUSED') || isReset(error) ? 'refused' : 'no-answer';
}

/** The other side ended the connection while we were at it. */
function isReset(error: unknown): boolean {
  return hasSystemCode(causeOf(error), 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST');
}

function causeOf(error: unknown): unknown {
  return error instanceof WaymarkError ? error.cause : undefined;
}
