import type { Coordinates } from '../binlog/coordinates.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { displayHint, type Hint, hintFromDisplay, hintFromToken } from '../hints/hint.js';
import type { Identity, TrailEntry } from '../matching/trail.js';
import type { DeliveredTransaction } from '../records/ndjson.js';
import type { RecordsEnd, SinkRecovery } from '../sinks/sink.js';

/** Where a sink's records end, when that is known. */
export type KnownEnding = Extract<RecordsEnd, { kind: 'known' }>;

/** The numbering of what is delivered: the number of transactions since a hint. */
export type Numbering = { readonly sequence: number; readonly hint: Hint | null };

/**
 * The trail of a checkpoint, extended by what the sink took after it, because an agent that died had delivered more
 * than its last checkpoint says. Hints that the sink's records name are inserted. Their place isn't known, except
 * that it is after the checkpoint's coordinates.
 */
export function recoveredTrail(checkpoint: Checkpoint, recovery: SinkRecovery): readonly TrailEntry[] {
  const { entries } = checkpoint.trail;
  const newest = entries.findLast((entry) => entry.kind === 'hint');
  const hint = newest?.kind === 'hint' ? displayHint(newest.hint) : null;
  return [...entries, ...entriesOf(recovery.delivered, hint, checkpoint.coordinates)];
}

/**
 * The trail from a sink's last records, without a checkpoint. Its first hint is the first one after which it has
 * everything. Transactions between an earlier hint and the first record are unknown, and could be taken for new. The
 * places of the hints aren't known. Their coordinates are those of the last record.
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

/** The numbering after what was delivered. Later ids must not repeat earlier ones. */
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
