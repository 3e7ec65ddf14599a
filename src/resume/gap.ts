import { formatAddress } from '../config/address.js';
import type { StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { displayHint } from '../hints/hint.js';
import type { GapRecord, GapStart, RecordSource } from '../records/record.js';
import type { SinkRecovery } from '../sinks/sink.js';
import { type ErrorCode, WaymarkError } from '../util/errors.js';
import { type Numbering, recoveredNumbering } from './recovered.js';

/** The error codes that mean that no server has the place any more. */
const lostCodes: readonly ErrorCode[] = ['purged', 'not-found', 'no-trail'];

/**
 * The code of an error that means that no server has the place. Null for other errors: temporary ones, and servers
 * that differ. Pure.
 */
export function lostCodeOf(error: WaymarkError): ErrorCode | null {
  // A server that can't be reached now may have it.
  if (error.details['failing'] !== undefined) return null;
  if (error instanceof LostEndingError || lostCodes.includes(error.code)) return error.code;
  const given = error.code === 'no-candidate' ? error.details['codes'] : null;
  if (!Array.isArray(given)) return null;
  const codes: readonly unknown[] = given;
  const found = lostCodes.filter((code) => codes.includes(code));
  const [only, ...others] = found;
  const rest = codes.filter((code) => !found.some((lost) => lost === code));
  if (only === undefined || rest.some((code) => code !== 'unsuitable-server')) return null;
  return others.length === 0 ? only : error.code;
}

/** A sink had records, and no longer knows where they ended. */
export class LostEndingError extends WaymarkError {
  constructor(reason: string) {
    super('sink', `The place to go on from is lost: ${reason}`);
  }
}

/** The same error with advice. */
export function withAdvice(
  code: ErrorCode,
  { message, details, cause }: WaymarkError,
  from: GapStart | null,
): WaymarkError {
  const where =
    from === null
      ? ''
      : `. The records end with ${from.hint ?? '-'}/${from.seq}, read from ${from.server} at ${from.file}:${from.position}`;
  return new WaymarkError(
    code,
    `${message}${where}. Nothing has been delivered. Bring back a server that has this place. Or, if changes since then ` +
      'may be missing, begin where "start" says, with a record of the gap: waymark run --accept-gap',
    { cause, details: { ...details, from } },
  );
}

/** Where the records end, by the sink or, where that one doesn't say, by the checkpoint. Pure. */
export function gapStartOf(stored: StoredCheckpoint | null, recovery: SinkRecovery): GapStart | null {
  const { ending } = recovery;
  if (ending?.kind === 'known') {
    const { source, hint, sequence } = ending.last;
    return { ...source, hint, seq: sequence };
  }
  if (ending !== undefined || stored === null) return null;
  const { server, coordinates } = stored.checkpoint;
  const { hint, sequence } = recoveredNumbering(stored.checkpoint, recovery);
  return {
    server: formatAddress(server),
    serverId: server.serverId,
    ...coordinates,
    hint: hint && displayHint(hint),
    seq: sequence,
  };
}

/**
 * The numbering after a gap: from the hint before the new place. If there is none, or it is the same hint, the old
 * numbering goes on. No number is used twice. Pure.
 */
export function numberingBehind(before: Numbering | null, begun: Numbering): Numbering {
  if (before === null) return begun;
  if (begun.hint !== null && begun.hint.token !== before.hint?.token) return begun;
  return { hint: before.hint, sequence: Math.max(before.sequence + 1, begun.sequence) };
}

/** The record of a gap. Pure. */
export function gapRecord(reason: string, from: GapStart | null, source: RecordSource, now: Date): GapRecord {
  const hint = from?.hint ?? null;
  const seq = (from?.seq ?? 0) + 1;
  return {
    id: `${hint ?? '-'}/${seq}/gap`,
    type: 'gap',
    reason,
    from,
    ts: now.toISOString(),
    tx: { hint, seq, row: 0, last: true },
    source,
  };
}
