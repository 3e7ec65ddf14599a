/** Random values. */
export type Random = {
  /** Returns unguessable bytes. */
  bytes(count: number): Buffer;
  /** Returns a number from 0 up to, but not including, 1. It spreads actions that would otherwise coincide. */
  fraction(): number;
};
