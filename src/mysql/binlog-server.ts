import { errorNumberOf } from './server-error.js';
import type { ServerVersion } from './version.js';

/**
 * ER_PARSE_ERROR: a binlog server's answer to a statement that it doesn't know. No real server answers SHOW VARIABLES
 * with it.
 */
const parseErrorNumber = 1064;

/**
 * Binlog servers that end the connection at a statement that they don't know. They name themselves in their greeting.
 */
const curtGreetings = /ripple/i;

/** Whether the greeting alone says that no ordinary statement may be sent. */
export function isCurtBinlogServer(greeting: string): boolean {
  return curtGreetings.test(greeting);
}

/**
 * Whether an error in answer to SHOW VARIABLES shows that this is a binlog server. Every real server knows that
 * statement.
 */
export function isBinlogServerAnswer(error: unknown): boolean {
  return errorNumberOf(error) === parseErrorNumber;
}

/** Returns what `read` returns, or `otherwise` if a binlog server refuses to answer. */
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
