import { createHash } from 'node:crypto';

/** A write with an unknown outcome. */
export type UnsettledWrite = { readonly hash: string };

/**
 * What a write leaves in the store, to recognise it by: the record, or the version that was chosen for it.
 */
type Left = Buffer | string;

/**
 * Writes that replace one version and were never answered: the connection broke, or the time limit was over.
 *
 * At most one of them can have been done, because each names that version. So a writer that finds one of
 * their records in the store has found its own. That is no conflict.
 */
export class UnsettledWrites {
  #base: string | null = null;
  #writes: UnsettledWrite[] = [];

  /**
   * Notes that a write is about to be sent that expects `base`. Writes on other versions can't succeed any
   * more.
   */
  begin(base: string | null, left: Left): UnsettledWrite {
    if (base !== this.#base) this.clear();
    this.#base = base;
    const write = { hash: hashOf(left) };
    this.#writes.push(write);
    return write;
  }

  /** Notes that the server has refused the write. */
  refused(write: UnsettledWrite): void {
    this.#writes = this.#writes.filter((other) => other !== write);
  }

  /** Notes that a write was done. Earlier writes on the same version can't succeed any more. */
  clear(): void {
    this.#writes = [];
  }

  /** Returns whether the outcome of a write on `base` is unknown. */
  openOn(base: string | null): boolean {
    return this.#writes.length > 0 && this.#base === base;
  }

  /** Returns whether one of the writes on `base` would have left `stored`. */
  explains(base: string | null, stored: Left): boolean {
    const hash = hashOf(stored);
    return this.openOn(base) && this.#writes.some((write) => write.hash === hash);
  }
}

function hashOf(left: Left): string {
  return createHash('sha256').update(left).digest('hex');
}
