import { formatCoordinates } from '../binlog/coordinates.js';
import type { OpenTransaction } from '../binlog/transaction-assembler.js';
import type { PartialTransaction } from '../matching/trail.js';
import { WaymarkError } from '../util/errors.js';

/** The transaction that resembled the one that was cut off is another one: it has to be read again, whole. */
export class ResemblanceError extends Error {
  readonly start: string;

  constructor(start: string) {
    super(`The transaction at ${start} only resembles the one that was cut off`);
    this.start = start;
  }
}

/**
 * What is left of a transaction whose server died in its middle: finds it on the next server, and compares what was
 * delivered of it with what stands there, before anything behind is delivered.
 *
 * Where the servers keep the order, it must be the next transaction with content to deliver. Its mark of origin
 * (GTID, commit time, or at least the second) says which it is; the content proves it.
 */
export class CutOffTransaction {
  #partial: PartialTransaction | null;
  readonly #ordered: boolean;
  readonly #server: string;
  readonly #notThese: ReadonlySet<string>;
  #at: OpenTransaction | null = null;

  /** @param notThese where transactions begin that are known to be others. */
  constructor(
    partial: PartialTransaction | null,
    options: { ordered: boolean; server: string; notThese: ReadonlySet<string> },
  ) {
    this.#partial = partial;
    this.#ordered = options.ordered;
    this.#server = options.server;
    this.#notThese = options.notThese;
  }

  /** What is still to be found; null when there was nothing or it has been found. */
  get partial(): PartialTransaction | null {
    return this.#partial;
  }

  /** Where in a transaction's content the digest is wanted: see ContentDigest. */
  get probeBytes(): number {
    return this.#partial?.contentBytes ?? 0;
  }

  isAt(open: OpenTransaction): boolean {
    return this.#at === open;
  }

  /** A transaction begins: how many of its changes have been delivered, if it is the one. */
  changesToPassOver(open: OpenTransaction, second: number): number {
    const partial = this.#partial;
    if (partial === null || this.#notThese.has(formatCoordinates(open.start))) return 0;
    const marked = partial.origin !== '' && open.origin.startsWith(partial.origin.slice(0, 2));
    if (marked ? open.origin !== partial.origin : second !== partial.second) return 0;
    this.#at = open;
    return partial.changes;
  }

  /** Something of the transaction is about to be delivered. */
  beforeContent(open: OpenTransaction): void {
    if (this.#partial === null || this.#at === open || !this.#ordered) return;
    throw this.#diverged(open, 'another transaction stands in its place');
  }

  /**
   * `count` changes of the transaction have come. Proves the part that was delivered as soon as it is complete. The
   * digest is taken while events are read, and that may be ahead of the changes that are counted here.
   */
  afterContent(open: OpenTransaction, count: number): void {
    const partial = this.#partial;
    if (partial === null || this.#at !== open) return;
    const { probed } = open.digest;
    if (probed !== null && probed !== partial.digest) throw this.#mismatch(open);
    if (count < partial.changes) return;
    if (probed !== null) this.#found();
    else if (count > partial.changes) throw this.#mismatch(open);
  }

  /** The transaction is over, with `count` changes: what was delivered of it must have been found. */
  beforeEnd(open: OpenTransaction, count: number): void {
    if (this.#partial === null || this.#at !== open) return;
    if (open.digest.probed !== this.#partial.digest) throw this.#mismatch(open);
    if (count < this.#partial.changes) throw this.#diverged(open, 'it is filtered otherwise now');
    this.#found();
  }

  #found(): void {
    this.#partial = null;
    this.#at = null;
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
