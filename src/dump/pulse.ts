/** Shows whether a dump is waiting for its server. One object for one connection, which changes as bytes come. */
export type Pulse = {
  /** Since when nothing has come although it is asked for, on the monotonic clock. Null: what came is being worked on. */
  waitingSinceMs: number | null;
  /**
   * Since when the server has been asked something beside the dump, without which the dump can't be read on. Null: it
   * isn't.
   */
  askingSinceMs: number | null;
  /** Since when no byte has come although the socket would take it. Null: it takes none now. */
  quietSinceMs: number | null;
};

/** Since when the server has been waited for and nothing has come from it. Null: it isn't waited for. Pure. */
export function silentSince({ waitingSinceMs, askingSinceMs, quietSinceMs }: Pulse): number | null {
  if (waitingSinceMs !== null) return waitingSinceMs;
  if (askingSinceMs === null || quietSinceMs === null) return null;
  return Math.max(askingSinceMs, quietSinceMs);
}

/** Returns the pulse of a dump that isn't open yet. */
export function newPulse(): Pulse {
  return { waitingSinceMs: null, askingSinceMs: null, quietSinceMs: null };
}
