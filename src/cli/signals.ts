/** The reason of the abort signal when the operator has ended the command. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}`);
  }
}

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * An abort signal that fires at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once with 1.
 * Call `release` when the command has ended.
 */
export function signalsOf(process: NodeJS.Process): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}
