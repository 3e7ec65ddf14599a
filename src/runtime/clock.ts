/** Tells the time, and calls back later. */
export type Clock = {
  /** Milliseconds since 1970 by the wall clock. Somebody may set it, forwards or back. */
  epochMs(): number;
  /** Milliseconds since some fixed moment. They never go back. They stand still while the machine is suspended. */
  monotonicMs(): number;
  /** The same, but they go on while the machine is suspended. */
  uptimeMs(): number;
  /** Calls `action` once, after `ms`. */
  after(ms: number, action: () => void): Timer;
  /** Calls `action` once, after everything that has arrived so far has been handled. */
  turn(action: () => void): Timer;
};

/** A call that will come. */
export type Timer = {
  /** Prevents the call. Does nothing if it has already come. */
  cancel(): void;
  /** Lets the process end although the call has yet to come. */
  unref(): void;
};
