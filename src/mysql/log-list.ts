import { formatAddress } from '../config/address.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import { close, connect, discard, type Instance, isServerError } from './connection.js';
import { type BinaryLog, readBinaryLogs } from './server.js';

const listTimeoutMs = 5000;

/** ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_NO_BINARY_LOGGING (MySQL 8.0 Error Reference; MariaDB has the same). */
const accessDeniedNumber = 1227;
const noBinaryLoggingNumber = 1381;

/**
 * The binary log files that a server has, oldest first, over a connection of its own.
 * @throws WaymarkError `server-unreachable`, `access-denied`, `missing-grant` (names the privilege),
 * `unsuitable-server` (it writes no binary log), `stream-silent` (no answer in time).
 */
export async function listBinaryLogs(
  instance: Instance,
  signal: AbortSignal,
  connectTimeoutMs?: number,
): Promise<BinaryLog[]> {
  const server = formatAddress(instance.address);
  const connection = await connect(instance, {
    signal,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
  });
  try {
    const logs = await withDeadline(
      readBinaryLogs(connection),
      listTimeoutMs,
      () =>
        new WaymarkError(
          'stream-silent',
          `${server} did not list its binary logs within ${listTimeoutMs} ms`,
          {
            details: { server },
          },
        ),
    );
    await close(connection);
    return logs;
  } catch (error) {
    discard(connection);
    throw listError(error, server, instance.account.user);
  }
}

function listError(error: unknown, server: string, user: string): unknown {
  if (!isServerError(error)) return error;
  if (error.errno === accessDeniedNumber) {
    return new WaymarkError(
      'missing-grant',
      `${server} doesn't let "${user}" list its binary logs: ${error.message}. Grant it: ` +
        'GRANT REPLICATION CLIENT ON *.* TO … (MariaDB 10.5.2 and later call it BINLOG MONITOR)',
      { cause: error, details: { server } },
    );
  }
  if (error.errno === noBinaryLoggingNumber) {
    return new WaymarkError('unsuitable-server', `${server} writes no binary log (log_bin is OFF)`, {
      cause: error,
      details: { server },
    });
  }
  return error;
}
