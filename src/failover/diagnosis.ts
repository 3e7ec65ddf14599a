import type { Instance } from '../mysql/connection.js';
import { inspect } from '../mysql/inspect.js';
import { hasCode, WaymarkError } from '../util/errors.js';

/** What a server is found to be (DESIGN.md, Diagnosis). */
export type Finding =
  | 'healthy'
  /** It lives, only our stream from it broke. */
  | 'stream-broken'
  | 'dead'
  /** We can't get through to it, and to others we can. */
  | 'unreachable'
  /** It lives, and what it replicates stands or lags while others go on. */
  | 'stalled'
  /** At its address is another server, or its logs began anew. */
  | 'rebuilt'
  /** Nobody gets anything, because the source is gone. */
  | 'source-down'
  /** We get through to nobody. */
  | 'isolated';

/** What a probe connection saw. */
export type ProbeOutcome = 'answers' | 'refused' | 'no-answer';

/** What is known when the stream is lost. */
export type Evidence = {
  readonly streamError: WaymarkError;
  readonly probe: ProbeOutcome;
};

/** The stream's errors that say something of this server alone: another one may go on. */
const lostServerCodes = new Set([
  'server-unreachable',
  'access-denied',
  'missing-grant',
  'stream-broken',
  'stream-silent',
  'checksum',
  'protocol',
  'coordinates',
]);

/** Whether an error that ended the tail means that the server is lost, and not that the stream itself must stop. */
export function isServerLost(error: unknown): error is WaymarkError {
  return error instanceof WaymarkError && lostServerCodes.has(error.code);
}

/** What the evidence says. Pure. */
export function diagnose(evidence: Evidence): 'stream-broken' | 'dead' | 'unreachable' {
  switch (evidence.probe) {
    case 'answers':
      return 'stream-broken';
    case 'refused':
      return 'dead';
    case 'no-answer':
      return 'unreachable';
  }
}

/** How long a server may take to answer a probe. */
export const probeTimeoutMs = 700;

/** Tries a second connection. Never rejects but for the signal's reason. */
export async function probe(instance: Instance, signal: AbortSignal): Promise<ProbeOutcome> {
  try {
    await inspect(instance, signal, probeTimeoutMs);
    return 'answers';
  } catch (error) {
    signal.throwIfAborted();
    if (!hasCode(error, 'server-unreachable')) return 'answers';
    return isRefusal(error.cause) ? 'refused' : 'no-answer';
  }
}

/** A refused connection is proof enough: nobody listens there; a reset one meets a process that is just dying. */
function isRefusal(cause: unknown): boolean {
  return (
    cause instanceof Error &&
    'code' in cause &&
    (cause.code === 'ECONNREFUSED' || cause.code === 'ECONNRESET')
  );
}
