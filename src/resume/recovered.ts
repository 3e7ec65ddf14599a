import type { Coordinates } from '../binlog/coordinates.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { displayHint, type Hint, hintFromDisplay, hintFromToken } from '../hints/hint.js';
import { GtidState } from '../gtids/gtid-state.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import { type AnchorKind, type Identity, newestAnchor, type TrailEntry } from '../matching/trail.js';
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
  if (checkpoint.anchors === 'gtid') {
    return [...entries, ...entriesByGtid(recovery.delivered, checkpoint.coordinates)];
  }
  const newest = newestAnchor(entries);
  const hint = newest?.kind === 'hint' ? displayHint(newest.hint) : null;
  return [...entries, ...entriesOf(recovery.delivered, hint, checkpoint.coordinates)];
}

/** What was delivered by the end of a sink's records, by GTID. Null if the checkpoint doesn't say what came before. */
export function recoveredGtids({ gtidSet }: Checkpoint, { delivered }: SinkRecovery): GtidState | null {
  if (gtidSet === null) return null;
  const state = GtidState.parse(gtidSet);
  for (const { gtid } of delivered) state.add(gtid);
  return state;
}

/** What anchors a stream, by its last records. */
export function anchorsOfRecords({ transactions }: KnownEnding): AnchorKind {
  return transactions.at(-1)?.byGtid === true ? 'gtid' : 'hint';
}

/**
 * The trail from a sink's last records, without a checkpoint. Its first hint is the first one after which it has
 * everything. Transactions between an earlier hint and the first record are unknown, and could be taken for new. The
 * places of the hints aren't known. Their coordinates are those of the last record.
 */
export function endingTrail({ transactions, last }: KnownEnding): readonly TrailEntry[] {
  const [first] = transactions;
  if (first?.byGtid === true) return entriesByGtid(transactions, last.source);
  const begun = first === undefined || first.sequence === 1 ? null : first.hint;
  return entriesOf(transactions, begun, last.source);
}

/** The transactions with some of their GTIDs. The places of these aren't known, as those of hints aren't. */
function entriesByGtid(
  delivered: readonly DeliveredTransaction[],
  { file, position }: Coordinates,
): readonly TrailEntry[] {
  // It chooses the GTIDs, and drops nothing.
  const keeper = new TrailKeeper(Number.MAX_SAFE_INTEGER);
  for (const transaction of delivered) {
    if (transaction.gtid !== null) keeper.gtid(transaction.gtid, { file, position });
    keeper.transaction(identityOf(transaction));
  }
  return keeper.entries;
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
