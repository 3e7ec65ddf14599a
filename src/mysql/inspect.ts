import { askServer } from './ask.js';
import type { ServerConnection } from './connection.js';
import type { Instance } from './instance.js';
import {
  isBinlogServer,
  readBinaryLogEnd,
  readReplicationChannels,
  readServerFacts,
  type ReplicationChannel,
  type ServerFacts,
} from './server-facts.js';

/** What one look at a server shows. */
export type Inspection = {
  readonly facts: ServerFacts;
  /** Empty if the server replicates from no other. */
  readonly channels: readonly ReplicationChannel[];
  /** The end of the server's binary log. Null if it writes none. */
  readonly logEnd: { readonly file: string; readonly position: number } | null;
};

/**
 * Connects, looks and disconnects, within the time limit.
 * @throws WaymarkError `server-unreachable` (also if the server accepts the connection but doesn't answer in time),
 *   `access-denied`, `missing-grant`, `stream-broken`, `protocol`.
 */
export function inspect(instance: Instance, signal: AbortSignal, timeoutMs: number): Promise<Inspection> {
  const options = { purpose: inspectPurpose, signal, limitMs: timeoutMs, connectTimeoutMs: timeoutMs };
  return askServer(instance, options, (connection) => inspectOver(connection, instance));
}

/** What an inspection asks a server to do. */
export const inspectPurpose = 'show its settings and its replication status';

/** Looks at a server over an open connection. */
export async function inspectOver(connection: ServerConnection, { kind }: Instance): Promise<Inspection> {
  const facts = await readServerFacts(connection, kind);
  // Read the log's end before the channels. So everything in this log is included in what the channels say was applied
  // (see lacksForGood).
  const logEnd = facts.binaryLogging ? await readBinaryLogEnd(connection, facts.version) : null;
  const channels = await readReplicationChannels(connection, facts.version);
  return { facts, channels, logEnd };
}

/**
 * Whether the server still receives transactions, as a running replica or a binlog server. So what it lacks may still
 * come.
 */
export function getsMore({ facts, channels }: Pick<Inspection, 'facts' | 'channels'>): boolean {
  return (
    isBinlogServer(facts) ||
    channels.some(({ receiverRunning, applierRunning }) => receiverRunning && applierRunning)
  );
}

/** Whether the server replicates from another one. Then transactions that were written directly on it are errant. */
export function isReplica(inspection: Inspection): boolean {
  return inspection.channels.length > 0;
}

/**
 * Whether the transactions in the server's log can only be in one order. MariaDB keeps an order for each replication
 * domain, and its GTID position names all domains that it ever had. Transactions from several sources come in any
 * order.
 */
export function commitsInOneOrder({ facts, channels }: Pick<Inspection, 'facts' | 'channels'>): boolean {
  return commitsDomainsInOrder({ facts, channels }) && domainsOf(facts).size <= 1;
}

/**
 * Whether the transactions of a replication domain can only be in one order in the server's log. MySQL has no domains:
 * there it is the order of all.
 */
export function commitsDomainsInOrder({ facts, channels }: Pick<Inspection, 'facts' | 'channels'>): boolean {
  return facts.keepsCommitOrder && channels.length <= 1;
}

function domainsOf({ version, gtidSet }: ServerFacts): Set<string> {
  if (version.vendor !== 'mariadb' || gtidSet === '') return new Set();
  return new Set(gtidSet.split(',').map((gtid) => gtid.slice(0, gtid.indexOf('-'))));
}
