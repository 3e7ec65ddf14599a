import { type Logger, pino } from 'pino';

/** The levels that `--log-level` and `log.level` know. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/**
 * The log: pino's JSON lines on stderr, level by name, time in ISO 8601. Written synchronously, so that the last line
 * of a process that dies is there.
 */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
