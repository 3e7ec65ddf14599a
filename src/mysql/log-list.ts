import { askServer } from './ask.js';
import type { Instance } from './instance.js';
import { type BinaryLog, readBinaryLogs } from './server-facts.js';

const listLimitMs = 5000;

/**
 * Lists the binary log files of a server, oldest first, over a new connection.
 * @throws WaymarkError `server-unreachable` (also if it doesn't answer in time), `access-denied`, `missing-grant`
 *   (names the privilege), `unsuitable-server` (it writes no binary log), `stream-broken`, `protocol`.
 */
export function listBinaryLogs(
  instance: Instance,
  signal: AbortSignal,
  connectTimeoutMs?: number,
): Promise<BinaryLog[]> {
  const options = { purpose: 'list its binary logs', signal, limitMs: listLimitMs, connectTimeoutMs };
  return askServer(instance, options, readBinaryLogs);
}
