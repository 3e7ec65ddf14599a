import { formatCoordinates } from '../binlog/coordinates.js';
import { comparisonOf, compareDigests, sameContent, weaker } from '../transactions/identity.js';
import type { OpenTransaction } from '../transactions/transaction.js';
import type { PartialTransaction } from '../matching/trail.js';
import { WaymarkError } from '../util/errors.js';
import type { TransactionPrefix } from './transaction-records.js';

/** A transaction only resembled the one that was cut off. It must be read again, as a whole. */
export class ResemblanceError extends Error {
  readonly start: string;

  constructor(start: string) {
    super(`The transaction at ${start} only resembles the one that was cut off`);
    this.start = start;
  }
}

/**
 * The rest of a transaction whose server died in the middle of it. Finds the transaction on the next server, and
 * compares what was delivered of it with what is there, before anything after that is delivered.
 *
 * If the servers keep the order, it must be the next transaction with content to deliver. Its origin (GTID, commit
 * time, or at least the second) says which one it is, and the content proves it. If the two servers log the same rows
 * differently (a session that logs only some columns), its shape and the number of changes are compared instead.
 */
export class CutOffTransaction {
  #partial: PartialTransaction | null;
  readonly #ordered: boolean;
  readonly #server: string;
  readonly #notThese: ReadonlySet<string>;
  readonly #onShape: (open: OpenTransaction, partial: PartialTransaction) => void;
  #at: OpenTransaction | null = null;

  /**
   * @param options `notThese`: where transactions begin that are known to be others. `onShape`: called if only the
   *   shape could be compared.
   */
  constructor(
    partial: PartialTransaction | null,
    options: {
      ordered: boolean;
      server: string;
      notThese: ReadonlySet<string>;
      onShape?: (open: OpenTransaction, partial: PartialTransaction) => void;
    },
  ) {
    this.#partial = partial;
    this.#ordered = options.ordered;
    this.#server = options.server;
    this.#notThese = options.notThese;
    this.#onShape = options.onShape ?? (() => undefined);
  }

  /** The part that is still to be found. Null if there was none, or it was found. */
  get partial(): PartialTransaction | null {
    return this.#partial;
  }

  /** At how many bytes of a transaction's content the digest is needed: see ContentDigest. */
  get probeBytes(): number {
    return this.#partial?.contentBytes ?? 0;
  }

  isAt(open: OpenTransaction): boolean {
    return this.#at === open;
  }

  /**
   * Called when a transaction begins. Returns how many of its changes were delivered, if it is the one that was cut
   * off. Else 0.
   */
  changesToPassOver(open: OpenTransaction, second: number): number {
    const partial = this.#partial;
    if (partial === null || this.#notThese.has(formatCoordinates(open.start))) return 0;
    const marked = partial.origin !== '' && open.origin.startsWith(partial.origin.slice(0, 2));
    if (marked ? open.origin !== partial.origin : second !== partial.second) return 0;
    this.#at = open;
    return partial.changes;
  }

  /**
   * Called before something of the transaction is delivered.
   * @param count the transaction's changes so far.
   * @param before the content before.
   */
  beforeContent(open: OpenTransaction, count: number, before: Omit<TransactionPrefix, 'changes'>): void {
    const partial = this.#partial;
    if (partial === null) return;
    if (this.#at === open) this.#compare(open, partial, count, before);
    else if (this.#ordered) throw this.#diverged(open, 'another transaction stands in its place');
  }

  /**
   * Called at the end of the transaction, which has `count` changes. By now the delivered part must have been found.
   */
  beforeEnd(open: OpenTransaction, count: number): void {
    const partial = this.#partial;
    if (partial === null || this.#at !== open) return;
    const all = { contentBytes: open.digest.bytes, digest: open.digest.value() };
    if (this.#compare(open, partial, count, all)) return;
    if (!hasSameBeginning(open, partial)) throw this.#mismatch(open);
    throw this.#diverged(open, 'it is filtered otherwise now');
  }

  /** Compares the content so far with what was delivered. Returns whether all of that was found. */
  #compare(
    open: OpenTransaction,
    partial: PartialTransaction,
    count: number,
    { contentBytes, digest }: Omit<TransactionPrefix, 'changes'>,
  ): boolean {
    if (hasSameBeginning(open, partial)) return count >= partial.changes && this.#found();
    const by = weaker(comparisonOf(partial.digest), comparisonOf(digest));
    // Tables that the filter leaves out may follow the last delivered change, so the shapes needn't agree at once.
    if (by === 'shape' && count >= partial.changes && compareDigests(partial.digest, digest) !== null) {
      this.#onShape(open, partial);
      return this.#found();
    }
    const isOther = by === 'content' && contentBytes >= partial.contentBytes;
    if (isOther || count > partial.changes) throw this.#mismatch(open);
    return false;
  }

  #found(): true {
    this.#partial = null;
    this.#at = null;
    return true;
  }

  #mismatch(open: OpenTransaction): Error {
    const proven =
      this.#partial !== null && this.#partial.origin !== '' && open.origin === this.#partial.origin;
    if (proven || this.#ordered) return this.#diverged(open, 'its beginning has other content');
    return new ResemblanceError(formatCoordinates(open.start));
  }

  #diverged(open: OpenTransaction, why: string): WaymarkError {
    const partial = this.#partial;
    return new WaymarkError(
      'diverged',
      `${this.#server} differs from what was delivered: of a transaction (origin ${partial?.origin ?? 'unknown'}) ` +
        `${partial?.changes ?? 0} changes had been delivered when its server died; at ${formatCoordinates(open.start)} ${why}`,
      {
        details: { server: this.#server, ...open.start, origin: partial?.origin, changes: partial?.changes },
      },
    );
  }
}

/** Whether the content begins with what was delivered. False while not all of that has been read. */
function hasSameBeginning({ digest }: OpenTransaction, partial: PartialTransaction): boolean {
  return digest.probed !== null && sameContent(digest.probed, partial.digest);
}
