import { epochMs } from '../util/clock.js';
import type { ServerConnection } from './connection.js';
import { dialectOf } from './dialect.js';
import type { ServerKind } from './instance.js';
import {
  isBinlogServer,
  readReplicationChannels,
  readServerFacts,
  type ReplicationChannel,
  type ServerFacts,
  valueText,
} from './server-facts.js';
import { unlessDenied } from './server-error.js';
import type { ServerVersion } from './version.js';

/** A filter of the binary log itself. */
type BinlogFilter = {
  readonly name: (typeof binlogFilterNames)[number];
  /** Schemas, separated by commas. */
  readonly value: string;
};

const binlogFilterNames = ['Binlog_Do_DB', 'Binlog_Ignore_DB'] as const;

/**
 * What waymark judges a server by: as a member of a pool, or as a server to inject hints on. Null: could not be read.
 */
export type ServerState = {
  /** `host:port`, for messages. */
  readonly server: string;
  readonly facts: ServerFacts;
  readonly channels: readonly ReplicationChannel[] | null;
  readonly binlogFilters: readonly BinlogFilter[] | null;
  /** The server's clock minus this machine's, in milliseconds. */
  readonly clockOffsetMs: number | null;
};

/** Reads what waymark judges a server by. What the account may not see is null. */
export async function readServerState(
  connection: ServerConnection,
  server: string,
  kind?: ServerKind,
): Promise<ServerState> {
  const facts = await readServerFacts(connection, kind);
  const { version } = facts;
  if (isBinlogServer(facts)) {
    const channels = await readReplicationChannels(connection, version);
    return { server, facts, channels, binlogFilters: [], clockOffsetMs: null };
  }
  const clockOffsetMs = await readClockOffset(connection);
  const channels = await unlessDenied(() => readReplicationChannels(connection, version));
  const binlogFilters = await unlessDenied(() => readBinlogFilters(connection, version));
  return { server, facts, channels, binlogFilters, clockOffsetMs };
}

async function readBinlogFilters(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<BinlogFilter[]> {
  const [row] = await connection.query(dialectOf(version).binaryLogStatus);
  return binlogFilterNames
    .map((name) => ({ name, value: valueText(row?.[name]) }))
    .filter(({ value }) => value !== '');
}

async function readClockOffset(connection: ServerConnection): Promise<number> {
  const askedAt = epochMs();
  const [row] = await connection.query('SELECT UNIX_TIMESTAMP(NOW(6)) AS now');
  const answeredAt = epochMs();
  return Number(valueText(row?.['now'])) * 1000 - (askedAt + answeredAt) / 2;
}
