import type { Holder } from '../util/lock-holder.js';

/** The process that holds a stream's record, as the store says. */
export type FoundHolder = {
  /** Null if the note can't be read. */
  readonly holder: Holder | null;
  /** How long it takes to find out whether the holder lives. 0: it lives. */
  readonly waitMs: number;
};

/**
 * A note in a store that says which process uses a stream's record, for agents without an election. It
 * disappears some time after that process is gone.
 */
export interface HolderNote {
  /**
   * Writes our name unless another's is there, and keeps it there. Call it again and again. Returns null if
   * the note is ours, else the holder.
   * @throws WaymarkError `checkpoint-store`.
   */
  claim(me: Holder, signal: AbortSignal): Promise<FoundHolder | null>;
  /** Returns the holder, and changes nothing. Errors as in `claim`. */
  look(signal: AbortSignal): Promise<FoundHolder | null>;
  /** Removes this holder's name if it is still there. Errors as in `claim`. */
  clear(holder: Holder, signal: AbortSignal): Promise<void>;
}
