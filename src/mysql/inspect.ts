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
export function inspect(instance: Instance, signal: AbortSignal, timeoutMs: number): Promise<Inspection> {
  const options = { purpose: inspectPurpose, signal, limitMs: timeoutMs, connectTimeoutMs: timeoutMs };
  return askServer(instance, options, (connection) => inspectOver(connection, instance));
}

/** What a look asks of a server. */
export const inspectPurpose = 'say how it is set and how it replicates';

/** One look over an open connection to the instance. */
export async function inspectOver(connection: ServerConnection, { kind }: Instance): Promise<Inspection> {
  const facts = await readServerFacts(connection, kind);
  // Before the channels: what these say of as applied is then said of all of this log, too (see lacksForGood).
  const logEnd = facts.binaryLogging ? await readBinaryLogEnd(connection, facts.version) : null;
  const channels = await readReplicationChannels(connection, facts.version);
  return { facts, channels, logEnd };
}

/** Whether the server gets more, as a replica or a binlog server, so that what it lacks may still come. */
export function getsMore({ facts, channels }: Pick<Inspection, 'facts' | 'channels'>): boolean {
  return (
    isBinlogServer(facts) ||
    channels.some(({ receiverRunning, applierRunning }) => receiverRunning && applierRunning)
  );
}

/** Whether the server replicates from another: then what is born on it is no part of the history. */
export function isReplica(inspection: Inspection): boolean {
  return inspection.channels.length > 0;
}

/**
 * Whether everything in the server's log can only stand in one order. MariaDB keeps one for each replication domain,
 * and its log position names all domains that it has ever had; several sources come in any order.
 */
export function commitsInOneOrder({ facts, channels }: Pick<Inspection, 'facts' | 'channels'>): boolean {
  return facts.keepsCommitOrder && channels.length <= 1 && domainsOf(facts).size <= 1;
}

function domainsOf({ version, gtidSet }: ServerFacts): Set<string> {
  if (version.vendor !== 'mariadb' || gtidSet === '') return new Set();
  return new Set(gtidSet.split(',').map((gtid) => gtid.slice(0, gtid.indexOf('-'))));
}
