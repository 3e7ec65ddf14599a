import type { Coordinates } from '../binlog/coordinates.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { displayHint, type Hint, hintFromDisplay, hintFromToken } from '../hints/hint.js';
import type { Identity, TrailEntry } from '../matching/trail.js';
import type { DeliveredTransaction } from '../records/ndjson.js';
import type { HeldEnding, SinkRecovery } from '../sinks/sink.js';

/** Where a sink's records end, when that is known. */
export type KnownEnding = Extract<HeldEnding, { kind: 'known' }>;

/** How what is delivered is numbered: so many transactions since that hint. */
export type Numbering = { readonly sequence: number; readonly hint: Hint | null };

/**
 * The trail of a checkpoint with what the sink took after it: an agent that died had delivered more than its last
 * record says. Hints that the sink's records name are put between; where they stand is not known, only that it is
 * behind the checkpoint's coordinates.
 */
export function recoveredTrail(checkpoint: Checkpoint, recovery: SinkRecovery): readonly TrailEntry[] {
  const { entries } = checkpoint.trail;
  const newest = entries.findLast((entry) => entry.kind === 'hint');
  const hint = newest?.kind === 'hint' ? displayHint(newest.hint) : null;
  return [...entries, ...entriesOf(recovery.delivered, hint, checkpoint.coordinates)];
}

/**
 * The trail that a sink's last records make, without a checkpoint. It begins to name hints with the first one behind
 * which it has everything: what came between an earlier one and the first record isn't known, and could be taken for new.
 * Where the hints stand isn't known; their coordinates are those of the last record.
 */
export function endingTrail({ transactions, last }: KnownEnding): readonly TrailEntry[] {
  const [first] = transactions;
  const begun = first === undefined || first.sequence === 1 ? null : first.hint;
  return entriesOf(transactions, begun, last.source);
}

function entriesOf(
  delivered: readonly DeliveredTransaction[],
  before: string | null,
  { file, position }: Coordinates,
): TrailEntry[] {
  const entries: TrailEntry[] = [];
  let hint = before;
  for (const transaction of delivered) {
    if (transaction.hint !== null && transaction.hint !== hint) {
      hint = transaction.hint;
      entries.push({ kind: 'hint', hint: hintFromDisplay(hint), coordinates: { file, position } });
    }
    entries.push({ kind: 'transaction', identity: identityOf(transaction) });
  }
  return entries;
}

/** Where the numbering of what was delivered stands: the ids of what comes next must not have been given before. */
export function recoveredNumbering(
  { sequence, numberedFrom }: Checkpoint,
  { delivered }: SinkRecovery,
): Numbering {
  const last = delivered.at(-1);
  if (last !== undefined) return numberingOf(last);
  return { sequence, hint: numberedFrom === null ? null : hintFromToken(numberedFrom) };
}

/** The numbering as a record has it. */
export function numberingOf({ hint, sequence }: Pick<DeliveredTransaction, 'hint' | 'sequence'>): Numbering {
  return { sequence, hint: hint === null ? null : hintFromDisplay(hint) };
}

function identityOf({ digest, second, gtid }: DeliveredTransaction): Identity {
  // MariaDB's GTIDs are an origin; MySQL's origin is the commit time, which records don't have: the second will do.
  const origin = gtid !== null && /^\d+-\d+-\d+$/.test(gtid) ? `g:${gtid}` : '';
  return { digest, second, origin };
}
