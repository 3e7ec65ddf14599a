/** What time it is, and what is to happen later. */
export type Clock = {
  /** The wall clock: milliseconds since 1970. It may be set, forwards and back. */
  epochMs(): number;
  /** Milliseconds since some moment, which never go back. They stand still while the machine is suspended. */
  monotonicMs(): number;
  /** The same, and they go on while the machine is suspended. */
  uptimeMs(): number;
  /** Calls back once, after that time. */
  after(ms: number, action: () => void): Timer;
  /** Calls back once, when what has come by now has been handled. */
  turn(action: () => void): Timer;
};

/** A call that is to come. */
export type Timer = {
  /** It doesn't come any more. No error when it has come. */
  cancel(): void;
  /** It doesn't keep the process running. */
  unref(): void;
};
