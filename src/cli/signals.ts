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
const userSignal = 'SIGUSR2';
const debuggerSignal = 'SIGUSR1';

function ignore(): void {
  // That is all.
}

/** What the operator says by signals. */
export type Signals = {
  /** Fires at the first SIGINT, SIGTERM or, unless there is a listener for it, SIGHUP. */
  readonly signal: AbortSignal;
  /** Has SIGHUP call the listener, each time, instead of ending the command. */
  readonly onHangup: (listener: () => void) => void;
  /** Has SIGUSR2 call the listener, each time, instead of ending the process. */
  readonly onUserSignal: (listener: () => void) => void;
  /** Call it when the command has ended. */
  readonly release: () => void;
};

/** Listens to a process's signals. The second one that asks to end it does so at once, with 1. */
export function signalsOf(process: SignalSource): Signals {
  const controller = new AbortController();
  let hangup: (() => void) | null = null;
  const listener = (name: NodeJS.Signals): void => {
    if (name === 'SIGHUP' && hangup !== null) hangup();
    else if (controller.signal.aborted) process.exit(1);
    else controller.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, listener);
  // Left to Node it opens its debugger, which lets whoever may connect do anything (nodejs.org/api/process.html).
  process.on(debuggerSignal, ignore);
  let onUserSignal: (() => void) | null = null;
  return {
    signal: controller.signal,
    onHangup: (given) => {
      hangup = given;
    },
    onUserSignal: (given) => {
      onUserSignal = given;
      process.on(userSignal, given);
    },
    release: () => {
      for (const name of names) process.off(name, listener);
      process.off(debuggerSignal, ignore);
      if (onUserSignal !== null) process.off(userSignal, onUserSignal);
    },
  };
}
