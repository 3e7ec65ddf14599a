import type { Holder } from '../util/lock-holder.js';

/** Who is said to hold a stream's record. */
export type FoundHolder = {
  /** Null where what stands there can't be read. */
  readonly holder: Holder | null;
  /** How long it may take until he is known to live, or is gone; 0: he lives. */
  readonly waitMs: number;
};

/**
 * A note in a store that says which process works with a stream's record, for agents without an election. It goes away
 * by itself some time after that process is gone.
 */
export interface HolderNote {
  /**
   * Puts our name there unless another's is, and keeps it there: to be called again and again. Null: it is ours; else
   * who has it.
   * @throws WaymarkError `checkpoint-store`.
   */
  claim(me: Holder, signal: AbortSignal): Promise<FoundHolder | null>;
  /** Who has it; changes nothing. Errors as in `claim`. */
  look(signal: AbortSignal): Promise<FoundHolder | null>;
  /** Takes that one's name away, if it is still there. Errors as in `claim`. */
  clear(holder: Holder, signal: AbortSignal): Promise<void>;
}
