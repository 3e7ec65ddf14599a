import type { FilePlace } from './file-position.js';
import type { DeliveredTransaction } from '../records/ndjson.js';
import type { LastRecord } from './sink.js';

/** A transaction in one of the files. `transactionStart` is the place after it. */
export type HeldTransaction = DeliveredTransaction & FilePlace;

/** Complete transactions without a hole, from the end of one file or of several. */
export type HeldTransactions = {
  /** Where they begin. Null: at the first record. */
  readonly since: FilePlace | null;
  /** Oldest first, and only those after the last gap. */
  readonly transactions: readonly HeldTransaction[];
  /** The content of the last complete record. Null if there is none. */
  readonly last: LastRecord | null;
  /** Whether there was a gap. Then the transactions begin after it. */
  readonly hasGap: boolean;
  /** Whether all were read from the same server. */
  readonly fromOneServer: boolean;
};

/** No transactions, from the first record on. */
export const nothingHeld: HeldTransactions = {
  since: null,
  transactions: [],
  last: null,
  hasGap: false,
  fromOneServer: true,
};

/**
 * The most transactions that are kept. More would take tens of megabytes. This is enough for a checkpoint per
 * second at 100,000 transactions per second.
 */
export const mostHeld = 100_000;

/** Joins the transactions of earlier files with those of the next file. Pure. */
export function joinHeld(earlier: HeldTransactions, later: HeldTransactions): HeldTransactions {
  if (later.hasGap || later.since !== null) return later;
  return {
    since: earlier.since,
    transactions: [...earlier.transactions, ...later.transactions],
    last: later.last ?? earlier.last,
    hasGap: earlier.hasGap,
    fromOneServer:
      earlier.fromOneServer &&
      later.fromOneServer &&
      (earlier.last === null ||
        later.last === null ||
        earlier.last.source.server === later.last.source.server),
  };
}

/** Returns the transactions after a place. Null if the first one is later. Pure. */
export function heldAfterPlace(
  { since, transactions }: HeldTransactions,
  place: FilePlace,
): readonly HeldTransaction[] | null {
  const at = transactions.findLastIndex((transaction) => isSamePlace(transaction, place));
  if (at >= 0) return transactions.slice(at + 1);
  return since !== null && isSamePlace(since, place) ? transactions : null;
}

function isSamePlace(a: FilePlace, b: FilePlace): boolean {
  return a.file === b.file && a.transactionStart === b.transactionStart;
}

/**
 * Returns whether the last transactions are enough for a match: as many as wanted, and two whole hint
 * intervals if hints anchor the stream. Pure.
 */
export function enoughForMatch(transactions: readonly DeliveredTransaction[], wanted: number): boolean {
  return enoughFrom(transactions, wanted) !== null;
}

/**
 * Returns the index of the first transaction of the shortest end that is enough. Null if there are too few.
 */
function enoughFrom(transactions: readonly DeliveredTransaction[], wanted: number): number | null {
  let changes = 0;
  for (let index = transactions.length - 1; index >= 0; index -= 1) {
    const hint = transactions[index + 1]?.hint;
    if (hint !== undefined && transactions[index]?.hint !== hint) changes += 1;
    // Between three changes of the hint there are two intervals.
    const hasAnchors = changes >= 3 || transactions[index]?.byGtid === true;
    if (hasAnchors && transactions.length - index >= wanted) return index;
  }
  return null;
}

/**
 * Returns the end that is worth keeping: enough for a match, and everything after the place, but no more than
 * {@link mostHeld}. Pure.
 */
export function worthKeeping(
  held: HeldTransactions,
  wanted: number,
  place: FilePlace | null,
): HeldTransactions {
  const { transactions } = held;
  const behind = (place && heldAfterPlace(held, place)) ?? [];
  const enough = enoughFrom(transactions, wanted) ?? 0;
  const from = Math.max(
    Math.min(enough, transactions.length - behind.length),
    transactions.length - mostHeld,
  );
  const before = transactions[from - 1];
  if (before === undefined) return held;
  const { file, transactionStart } = before;
  return { ...held, since: { file, transactionStart }, transactions: transactions.slice(from) };
}
