/** Where timers come from: virtual time, or Node's. */
export type Scheduler = {
  /** Calls back once, after that time, unless it is cancelled before. */
  after(ms: number, action: () => void): { cancel(): void };
};
