import type { FilePlace } from './file-position.js';
import type { DeliveredTransaction } from '../records/ndjson.js';
import type { LastRecord } from './sink.js';

/** A transaction in one of the files: `transactionStart` is the place behind it. */
export type HeldTransaction = DeliveredTransaction & FilePlace;

/** A stretch of complete transactions, without a hole: what one file holds at its end, or several. */
export type Held = {
  /** Where it begins; null: where the records begin. */
  readonly since: FilePlace | null;
  /** Oldest first; none from before the last gap. */
  readonly transactions: readonly HeldTransaction[];
  /** What the last complete record says; null when there is none. */
  readonly last: LastRecord | null;
  /** Whether there is a gap in it: then it begins behind the gap. */
  readonly hasGap: boolean;
  /** Whether all was read from one and the same server. */
  readonly fromOneServer: boolean;
};

/** Nothing at all, from the records' beginning on. */
export const nothingHeld: Held = {
  since: null,
  transactions: [],
  last: null,
  hasGap: false,
  fromOneServer: true,
};

/** More would take tens of megabytes. It is enough for a checkpoint every second at 100,000 transactions a second. */
export const mostHeld = 100_000;

/** Joins what earlier files hold with what the one behind them holds from its first byte on. Pure. */
export function joined(earlier: Held, later: Held): Held {
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

/** The transactions behind a place; null when the stretch doesn't reach back to it. Pure. */
export function behindPlace(
  { since, transactions }: Held,
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
 * Whether transactions, counted from the end, suffice for a match: as many as wanted, and two whole hint intervals.
 * Pure.
 */
export function suffices(transactions: readonly DeliveredTransaction[], wanted: number): boolean {
  return sufficientFrom(transactions, wanted) !== null;
}

/** Index of the first transaction of the shortest end that suffices; null when there are too few. */
function sufficientFrom(transactions: readonly DeliveredTransaction[], wanted: number): number | null {
  let changes = 0;
  for (let index = transactions.length - 1; index >= 0; index -= 1) {
    const hint = transactions[index + 1]?.hint;
    if (hint !== undefined && transactions[index]?.hint !== hint) changes += 1;
    // Three changes of the hint enclose two intervals.
    if (changes >= 3 && transactions.length - index >= wanted) return index;
  }
  return null;
}

/**
 * The end of the stretch that is worth keeping: what suffices for a match, all that stands behind the place, and no
 * more than {@link mostHeld}. Pure.
 */
export function worthKeeping(held: Held, wanted: number, place: FilePlace | null): Held {
  const { transactions } = held;
  const behind = (place && behindPlace(held, place)) ?? [];
  const enough = sufficientFrom(transactions, wanted) ?? 0;
  const from = Math.max(
    Math.min(enough, transactions.length - behind.length),
    transactions.length - mostHeld,
  );
  const before = transactions[from - 1];
  if (before === undefined) return held;
  const { file, transactionStart } = before;
  return { ...held, since: { file, transactionStart }, transactions: transactions.slice(from) };
}
