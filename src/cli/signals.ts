/** The reason of the abort signal when the operator has ended the command. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}`);
  }
}

/** What of a process is needed here. */
export type SignalSource = {
  on(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): unknown;
  off(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): unknown;
  exit(code: number): unknown;
};

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * An abort signal that fires at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once with 1.
 * Call `release` when the command has ended.
 */
export function signalsOf(process: SignalSource): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    else controller.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}
