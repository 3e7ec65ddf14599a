import type { Connection } from 'mysql2/promise';
import { type Address, formatAddress } from '../config/address.js';
import { close, connect, discard } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { type ListedReplica, readDumpHosts, readReplicaList } from '../mysql/replica-list.js';
import { serverError, unlessDenied } from '../mysql/server-error.js';
import {
  isBinlogServer,
  query,
  readBinaryLogEnd,
  readReplicationChannels,
  readServerFacts,
  type ReplicationChannel,
  type ServerFacts,
  text,
} from '../mysql/server.js';
import { withDeadline } from '../util/async.js';
import { type ErrorCode, messageOf, WaymarkError } from '../util/errors.js';

/** A server that answered. Null: the account may not see it. */
export type LivingLook = {
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
export type DeadLook = {
  readonly state: 'dead';
  readonly address: Address;
  readonly code: ErrorCode;
  readonly reason: string;
};

export type Look = LivingLook | DeadLook;

/** Looks at one server, within the time limit. What is wrong there is in the answer; rejects with the signal's reason. */
export async function lookAt(instance: Instance, signal: AbortSignal, timeoutMs: number): Promise<Look> {
  const { address } = instance;
  let connection: Connection | null = null;
  const late = (): WaymarkError =>
    new WaymarkError('server-unreachable', `${formatAddress(address)} did not answer within ${timeoutMs} ms`);
  try {
    connection = await connect(instance, { signal, connectTimeoutMs: timeoutMs });
    const look = await withDeadline(ask(connection, instance), timeoutMs, late);
    await close(connection);
    return look;
  } catch (error) {
    if (connection !== null) discard(connection);
    signal.throwIfAborted();
    const { code, message, cause } = serverError(error, instance, 'say how it is set and how it replicates');
    // The advice of an unreachable server's message is no use in a table.
    const reason = code === 'server-unreachable' && cause !== undefined ? messageOf(cause) : message;
    return { state: 'dead', address, code, reason };
  }
}

async function ask(connection: Connection, { address, kind }: Instance): Promise<LivingLook> {
  const facts = await readServerFacts(connection, kind);
  return isBinlogServer(facts)
    ? askBinlogServer(connection, address, facts)
    : askServer(connection, address, facts);
}

/** It tells little; its replicas are found by what they say, or by its source's config. */
async function askBinlogServer(
  connection: Connection,
  address: Address,
  facts: ServerFacts,
): Promise<LivingLook> {
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

async function askServer(connection: Connection, address: Address, facts: ServerFacts): Promise<LivingLook> {
  const { version } = facts;
  const rows = await query(
    connection,
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'gtid_mode')",
  );
  const values = new Map(rows.map((row) => [text(row['Variable_name']), text(row['Value'])]));
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
