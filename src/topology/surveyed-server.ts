import { type Address, formatAddress } from '../config/address.js';
import { askServer, longListBytes } from '../mysql/ask.js';
import type { ServerConnection } from '../mysql/connection.js';
import { inspectPurpose } from '../mysql/inspect.js';
import type { Instance } from '../mysql/instance.js';
import { type ListedReplica, readDumpHosts, readReplicaList } from '../mysql/replica-list.js';
import { isOfServer, unlessDenied } from '../mysql/server-error.js';
import {
  isBinlogServer,
  readBinaryLogEnd,
  readReplicationChannels,
  readServerFacts,
  type ReplicationChannel,
  type ServerFacts,
  valueText,
} from '../mysql/server-facts.js';
import { type ErrorCode, messageOf } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';

/** A server that answered. Null: the account may not see it. */
export type LivingServer = {
  readonly state: 'alive';
  readonly address: Address;
  /** The same under whatever address the server is asked. */
  readonly identity: string;
  readonly facts: ServerFacts;
  /** Whether its transactions have GTIDs. */
  readonly gtids: boolean;
  readonly channels: readonly ReplicationChannel[] | null;
  readonly logEnd: { readonly file: string; readonly position: number } | null;
  readonly listed: readonly ListedReplica[] | null;
  /** Where its binary log is being read from. */
  readonly dumpHosts: readonly string[];
};

/** A server that didn't, and why. */
export type DeadServer = {
  readonly state: 'dead';
  readonly address: Address;
  readonly code: ErrorCode;
  readonly reason: string;
};

export type SurveyedServer = LivingServer | DeadServer;

/** Looks at one server, within the time limit. What is wrong there is in the answer; rejects with the signal's reason. */
export async function surveyServer(
  instance: Instance,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<SurveyedServer> {
  const { address } = instance;
  const question = {
    ...{ purpose: inspectPurpose, signal, limitMs: timeoutMs, connectTimeoutMs: timeoutMs },
    maximumAnswerBytes: longListBytes,
  };
  try {
    return await askServer(instance, question, (connection) => ask(connection, instance));
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfServer(error)) throw error;
    const { code, message, cause } = error;
    // The advice of an unreachable server's message is no use in a table.
    const advised = code === 'server-unreachable' && cause !== undefined && !(cause instanceof TimeOver);
    return { state: 'dead', address, code, reason: advised ? messageOf(cause) : message };
  }
}

async function ask(connection: ServerConnection, { address, kind }: Instance): Promise<LivingServer> {
  const facts = await readServerFacts(connection, kind);
  return isBinlogServer(facts)
    ? askBinlogServer(connection, address, facts)
    : askOrdinaryServer(connection, address, facts);
}

/** It tells little; its replicas are found by what they say, or by its source's config. */
async function askBinlogServer(
  connection: ServerConnection,
  address: Address,
  facts: ServerFacts,
): Promise<LivingServer> {
  return {
    state: 'alive',
    address,
    identity: `binlog server ${formatAddress(address)}`,
    facts,
    gtids: facts.version.vendor === 'mariadb',
    channels: await readReplicationChannels(connection, facts.version),
    logEnd: await readBinaryLogEnd(connection, facts.version),
    listed: null,
    dumpHosts: [],
  };
}

async function askOrdinaryServer(
  connection: ServerConnection,
  address: Address,
  facts: ServerFacts,
): Promise<LivingServer> {
  const { version } = facts;
  const rows = await connection.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'gtid_mode')",
  );
  const values = new Map(rows.map((row) => [valueText(row['Variable_name']), valueText(row['Value'])]));
  const identity = [facts.uuid, String(facts.serverId), values.get('hostname'), values.get('port')];
  return {
    state: 'alive',
    address,
    identity: identity.join(' '),
    facts,
    gtids: version.vendor === 'mariadb' || (values.get('gtid_mode') ?? 'OFF') !== 'OFF',
    channels: await unlessDenied(() => readReplicationChannels(connection, version)),
    logEnd: facts.binaryLogging ? await unlessDenied(() => readBinaryLogEnd(connection, version)) : null,
    listed: await readReplicaList(connection, version),
    dumpHosts: await readDumpHosts(connection),
  };
}
