/** Shows whether a dump is waiting for its server. One object for one connection, which changes as bytes come. */
export type Pulse = {
  /** Since when nothing has come although it is asked for, on the monotonic clock. Null: what came is being worked on. */
  waitingSinceMs: number | null;
};

/** Returns the pulse of a dump that isn't open yet. */
export function newPulse(): Pulse {
  return { waitingSinceMs: null };
}
