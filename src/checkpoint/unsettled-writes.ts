import { createHash } from 'node:crypto';

/** A write of which nobody knows whether the server has done it. */
export type UnsettledWrite = { readonly hash: string };

/** What a write leaves in the store, by which it is known again: the record, or the version that was chosen for it. */
type Left = Buffer | string;

/**
 * Writes that were sent on top of one version and never answered: the connection broke, or time was over. At most one
 * of them can have been done, since each names that version. Whoever finds a record of theirs in the store has found
 * his own, and nobody else's: no conflict.
 */
export class UnsettledWrites {
  #base: string | null = null;
  #writes: UnsettledWrite[] = [];

  /** A write is about to be sent that expects `base`. Those on top of other versions can no longer succeed. */
  begin(base: string | null, left: Left): UnsettledWrite {
    if (base !== this.#base) this.clear();
    this.#base = base;
    const write = { hash: hashOf(left) };
    this.#writes.push(write);
    return write;
  }

  /** The server has refused the write. */
  refused(write: UnsettledWrite): void {
    this.#writes = this.#writes.filter((other) => other !== write);
  }

  /** A write was done: nothing sent before it on top of the same version ever will be. */
  clear(): void {
    this.#writes = [];
  }

  /** Whether any write on top of `base` is open. */
  openOn(base: string | null): boolean {
    return this.#writes.length > 0 && this.#base === base;
  }

  /** Whether `stored` is what one of the writes on top of `base` would have left. */
  explains(base: string | null, stored: Left): boolean {
    const hash = hashOf(stored);
    return this.openOn(base) && this.#writes.some((write) => write.hash === hash);
  }
}

function hashOf(left: Left): string {
  return createHash('sha256').update(left).digest('hex');
}
