import type { Connection } from 'mysql2/promise';
import { WaymarkError } from '../util/errors.js';
import { isServerError } from './server-error.js';
import type { ServerVersion } from './version.js';

/** ER_PARSE_ERROR: what a binlog server says to a statement that it doesn't know, and no server to SHOW VARIABLES. */
const parseErrorNumber = 1064;

/** Binlog servers that end the connection at a statement that they don't know; they name themselves in their greeting. */
const curtGreetings = /ripple/i;

/** How the server greeted us: the version that it gives there. mysql2 keeps the packet. */
export function greetingOf(connection: Connection): string {
  const core: unknown = 'connection' in connection ? connection.connection : undefined;
  const packet: unknown =
    typeof core === 'object' && core !== null && '_handshakePacket' in core
      ? core._handshakePacket
      : undefined;
  const known = typeof packet === 'object' && packet !== null && 'serverVersion' in packet;
  if (!known || typeof packet.serverVersion !== 'string')
    throw new WaymarkError('protocol', 'mysql2 gave no greeting of the server');
  return packet.serverVersion;
}

/** Whether a greeting alone says that no ordinary question may be asked. */
export function isCurtBinlogServer(greeting: string): boolean {
  return curtGreetings.test(greeting);
}

/** Whether the answer to SHOW VARIABLES shows a binlog server: that every server knows. */
export function isBinlogServerAnswer(error: unknown): boolean {
  return isServerError(error) && error.errno === parseErrorNumber;
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
    if (version.binlogServer === true && isServerError(error) && error.errno > 0) return otherwise;
    throw error;
  }
}
