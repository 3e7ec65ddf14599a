import { type Logger, pino } from 'pino';
import { LogDestination } from './log-destination.js';

/** The levels that `--log-level` and `log.level` know. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Of the whole process. */
let stderr: LogDestination | null = null;

/** What the log has not been able to write yet is given a moment: at the process's end. */
export function flushLog(): void {
  stderr?.flushSync();
}

/** The log: pino's JSON lines on stderr, level by name, time in ISO 8601. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    (stderr ??= new LogDestination(2)),
  );
}
