import { errorNumberOf } from './server-error.js';
import type { ServerVersion } from './version.js';

/** ER_PARSE_ERROR: what a binlog server says to a statement that it doesn't know, and no server to SHOW VARIABLES. */
const parseErrorNumber = 1064;

/** Binlog servers that end the connection at a statement that they don't know; they name themselves in their greeting. */
const curtGreetings = /ripple/i;

/** Whether a greeting alone says that no ordinary question may be asked. */
export function isCurtBinlogServer(greeting: string): boolean {
  return curtGreetings.test(greeting);
}

/** Whether the answer to SHOW VARIABLES shows a binlog server: that every server knows. */
export function isBinlogServerAnswer(error: unknown): boolean {
  return errorNumberOf(error) === parseErrorNumber;
}

/** What was read; `otherwise` when it is a binlog server, which answers little. */
export async function unlessUnanswered<T>(
  version: ServerVersion,
  read: () => Promise<T>,
  otherwise: T,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (version.binlogServer === true && errorNumberOf(error) !== null) return otherwise;
    throw error;
  }
}
