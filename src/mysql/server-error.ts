import { formatAddress } from '../config/address.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { Instance } from './instance.js';

/** An error that the server sent, with its number. */
export function isServerError(error: unknown): error is Error & { errno: number; sqlState?: string } {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && 'sqlState' in error;
}

/**
 * Numbers for a missing privilege: ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR,
 * ER_DBACCESS_DENIED_ERROR (MySQL 8.0 Error Reference; MariaDB has the same).
 */
const deniedNumbers = new Set([1227, 1142, 1044]);

/** ER_NO_BINARY_LOGGING */
const noBinaryLoggingNumber = 1381;

/** Whether the server says that the account lacks a privilege. */
export function isDenied(errorNumber: number): boolean {
  return deniedNumbers.has(errorNumber);
}

/** What was read; null when the account lacks the privilege to read it. */
export async function unlessDenied<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (isServerError(error) && isDenied(error.errno)) return null;
    throw error;
  }
}

/** The error of an account that lacks a privilege for `what`. */
export function missingGrant(
  instance: Instance,
  what: string,
  serverText: string,
  cause?: unknown,
): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'missing-grant',
    `${server} doesn't let "${instance.account.user}" ${what}: ${serverText}. waymark needs REPLICATION SLAVE and ` +
      'REPLICATION CLIENT on *.* (MariaDB 10.5 and later: REPLICATION SLAVE, BINLOG MONITOR and SLAVE MONITOR); ' +
      'waymark check writes the statements out',
    { ...(cause === undefined ? {} : { cause }), details: { server } },
  );
}

/**
 * What went wrong in doing `what` ("list its binary logs") on a server, as one of waymark's own errors:
 * `missing-grant`, `unsuitable-server` (it writes no binary log), `stream-broken` (the connection ended), `protocol`
 * (whatever else the server says).
 */
export function serverError(error: unknown, instance: Instance, what: string): WaymarkError {
  if (error instanceof WaymarkError) return error;
  const server = formatAddress(instance.address);
  const details = { server };
  if (!isServerError(error) || error.errno <= 0) {
    const message = `The connection to ${server} broke while it was asked to ${what}: ${messageOf(error)}`;
    return new WaymarkError('stream-broken', message, { cause: error, details });
  }
  if (isDenied(error.errno)) return missingGrant(instance, what, error.message, error);
  if (error.errno === noBinaryLoggingNumber) {
    return new WaymarkError('unsuitable-server', `${server} writes no binary log (log_bin is OFF)`, {
      cause: error,
      details,
    });
  }
  return new WaymarkError('protocol', `${server} can't ${what}: ${error.message} (${error.errno})`, {
    cause: error,
    details,
  });
}
