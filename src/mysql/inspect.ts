import type { Connection } from 'mysql2/promise';
import { formatAddress } from '../config/address.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import { close, connect, discard, type Instance } from './connection.js';
import { serverError } from './server-error.js';
import {
  readBinaryLogEnd,
  readReplicationChannels,
  readServerFacts,
  type ReplicationChannel,
  type ServerFacts,
} from './server.js';

/** A server as one look at it shows it. */
export type Inspection = {
  readonly facts: ServerFacts;
  /** Empty when it replicates from nobody. */
  readonly channels: readonly ReplicationChannel[];
  /** The end of its binary log; null when it writes none. */
  readonly logEnd: { readonly file: string; readonly position: number } | null;
};

/**
 * Connects, looks, and disconnects, all within the time limit.
 * @throws WaymarkError `server-unreachable` (also when it accepts and then doesn't answer in time), `access-denied`,
 * `missing-grant`, `stream-broken`, `protocol`.
 */
export async function inspect(
  instance: Instance,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Inspection> {
  const server = formatAddress(instance.address);
  const late = (): WaymarkError =>
    new WaymarkError('server-unreachable', `${server} did not answer within ${timeoutMs} ms`, {
      details: { server },
    });
  const connection = await connect(instance, { signal, connectTimeoutMs: timeoutMs });
  try {
    const inspection = await withDeadline(lookAt(connection), timeoutMs, late);
    await close(connection);
    return inspection;
  } catch (error) {
    discard(connection);
    throw serverError(error, instance, 'say how it is set and how it replicates');
  }
}

/** One look over an open connection. */
export async function lookAt(connection: Connection): Promise<Inspection> {
  const facts = await readServerFacts(connection);
  const channels = await readReplicationChannels(connection, facts.version);
  const logEnd = facts.binaryLogging ? await readBinaryLogEnd(connection, facts.version) : null;
  return { facts, channels, logEnd };
}

/** Whether the server replicates from another: then what is born on it is no part of the history. */
export function isReplica(inspection: Inspection): boolean {
  return inspection.channels.length > 0;
}
