/** Randomness. */
export type Random = {
  /** So many bytes that nobody can guess. */
  bytes(count: number): Buffer;
  /** From 0 up to but not including 1; to spread what would else fall together. */
  fraction(): number;
};
