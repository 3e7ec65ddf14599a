import type { InspectedServer } from '../correlate/result.js';
import { formatAddress, parseAddress } from '../config/address.js';
import { askServer } from '../mysql/ask.js';
import type { Row } from '../mysql/connection.js';
import { hasCode } from '../util/errors.js';
import type { Instance } from '../mysql/instance.js';
import { unlessUnanswered } from '../mysql/binlog-server.js';
import { inspect, type Inspection } from '../mysql/inspect.js';
import { readReplicaStatus, type ReplicaStatus } from '../mysql/replica-status.js';
import { valueText } from '../mysql/server-facts.js';

/** A server as moving replicas needs to know it. */
export type Look = Omit<InspectedServer, 'inspection'> & {
  readonly server: string;
  readonly inspection: Omit<Inspection, 'channels'> & { readonly channels: readonly ReplicaStatus[] };
  /** MySQL's gtid_mode; '' with MariaDB, which always has GTIDs, and where nobody says. */
  readonly gtidMode: string;
};

const lookLimitMs = 10_000;

/**
 * Looks at a server; it only reads.
 * @throws WaymarkError `server-unreachable`, `access-denied`, `missing-grant`, `stream-broken`, `protocol`.
 */
export async function lookAt(instance: Instance, signal: AbortSignal): Promise<Look> {
  const server = formatAddress(instance.address);
  const inspection = await inspect(instance, signal, lookLimitMs);
  const { version } = inspection.facts;
  const question = { purpose: 'say how it replicates', signal, limitMs: lookLimitMs };
  return askServer(instance, question, async (connection) => {
    const channels = await readReplicaStatus(connection, version);
    const ask = (): Promise<Row[]> => connection.query("SHOW GLOBAL VARIABLES LIKE 'gtid_mode'");
    const [mode] = await unlessUnanswered(version, ask, []);
    return {
      instance,
      server,
      inspection: { ...inspection, channels },
      gtidMode: valueText(mode?.['Value']),
    };
  });
}

/** A server that is known by what a neighbour calls it; null when it can't be asked. */
export async function lookUnlessAway(
  server: string,
  neighbour: Look,
  signal: AbortSignal,
): Promise<Look | null> {
  const { account } = neighbour.instance;
  try {
    return await lookAt({ address: parseAddress(server), account }, signal);
  } catch (error) {
    signal.throwIfAborted();
    const unknowable = (
      ['server-unreachable', 'access-denied', 'missing-grant', 'stream-broken'] as const
    ).some((code) => hasCode(error, code));
    if (unknowable) return null;
    throw error;
  }
}
