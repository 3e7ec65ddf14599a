import { formatAddress } from '../config/address.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import { close, connect, discard } from './connection.js';
import type { Instance } from './instance.js';
import { serverError } from './server-error.js';
import { type BinaryLog, readBinaryLogs } from './server.js';

const listTimeoutMs = 5000;

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
    throw serverError(error, instance, 'list its binary logs');
  }
}
