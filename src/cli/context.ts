import type { Logger } from 'pino';
import type { LogLevel } from './logger.js';
import type { Output } from './output.js';

/** The options that every command has. */
export type CommonOptions = {
  readonly json?: true;
  readonly logLevel?: LogLevel;
  readonly config?: string;
  readonly stream?: string;
};

/** What a command works with. */
export type CommandContext = {
  readonly output: Output;
  /** Fires when the operator ends the command. */
  readonly signal: AbortSignal;
  /** Has SIGHUP call the listener, each time, instead of ending the command. */
  readonly onHangup: (listener: () => void) => void;
  /** Has SIGUSR2 call the listener, each time, instead of ending the process. */
  readonly onUserSignal: (listener: () => void) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether a person watches stderr, so that a line of progress may be drawn there. */
  readonly watched: boolean;
  /** Makes the log, once its level is known; the latest one made also gets what nobody has caught. */
  createLogger(level: LogLevel): Logger;
};

/** A command's work: resolves with its exit code, rejects with what went wrong. */
export type CommandWork<Options> = (context: CommandContext, options: Options) => Promise<number>;

/** Runs a command's work with a context; given to each command's file by the program. */
export type Start = <Options extends CommonOptions>(
  work: CommandWork<Options>,
) => (options: Options) => Promise<void>;
