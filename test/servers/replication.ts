import { REPLICATOR } from './template.js';
import type { TestServer } from './types.js';
import { messageOf, until, within } from './wait.js';

/** A place in a server's binlogs. */
export interface BinlogPosition {
  file: string;
  position: number;
}

/** Where a source is found, and how it is asked. */
export type SourceAddress = Pick<
  TestServer,
  'name' | 'vendor' | 'version' | 'host' | 'port' | 'query' | 'connect'
>;

/** What a replica says about its replication, under the same names for every vendor. */
export interface ReplicationStatus {
  sourcePort: number;
  ioRunning: boolean;
  sqlRunning: boolean;
  /** How far the source's binlogs are applied. */
  executed: BinlogPosition;
  lastError: string;
}

type Row = Record<string, string | number | null>;

/** One of a replica's threads: the applier, or the one that fetches. */
export type ReplicationThread = 'sql' | 'io';

/**
 * Points a replica to a source and starts it: from a place in the source's binlogs on, or else from what the
 * replica lacks, which for a new one is everything. (A MySQL server without GTIDs can't say what it lacks: it
 * begins with the source's first binlog.)
 */
export async function changeSource(
  replica: TestServer,
  source: SourceAddress,
  at?: BinlogPosition,
): Promise<void> {
  await stopReplication(replica);
  if (replica.vendor === source.vendor) {
    await replica.query(
      replica.vendor === 'mariadb' ? changeMaster(source, at) : await changeReplicationSource(source, at),
    );
  } else await changeToOtherVendor(replica, source, at ?? (await binlogEnd(source)));
  await startReplication(replica);
}

/**
 * Between vendors there is only file and position, and no way through the accounts and collations that a source's first
 * binlog begins with: a new replica begins at the end.
 */
async function changeToOtherVendor(
  replica: TestServer,
  source: SourceAddress,
  at: BinlogPosition,
): Promise<void> {
  if (replica.vendor === 'mysql') {
    await replica.query(`${await changeReplicationSource(source, at)}, SOURCE_SSL=0`);
    return;
  }
  // MySQL lets MariaDB's client in without TLS only once it remembers the password from another login.
  await (await source.connect(REPLICATOR)).end();
  await replica.query(`${changeMaster(source, at)}, MASTER_SSL=0`);
}

function changeMaster(source: SourceAddress, at: BinlogPosition | undefined): string {
  const options = [
    `MASTER_HOST='${source.host}'`,
    `MASTER_PORT=${source.port}`,
    `MASTER_USER='${REPLICATOR.user}'`,
    `MASTER_PASSWORD='${REPLICATOR.password}'`,
    'MASTER_CONNECT_RETRY=1',
    // By file and position MariaDB keeps its place outside of the transactions: a replica that is killed under
    // load applies its last one again when it is back, and stops with a duplicate key (seen in 1 kill of 6).
    ...(at === undefined
      ? ['MASTER_USE_GTID=slave_pos']
      : ['MASTER_USE_GTID=no', `MASTER_LOG_FILE='${at.file}'`, `MASTER_LOG_POS=${at.position}`]),
  ];
  return `CHANGE MASTER TO ${options.join(', ')}`;
}

async function changeReplicationSource(
  source: SourceAddress,
  at: BinlogPosition | undefined,
): Promise<string> {
  const { file, position } = at ?? { file: await firstBinlog(source), position: 4 };
  const options = [
    `SOURCE_HOST='${source.host}'`,
    `SOURCE_PORT=${source.port}`,
    `SOURCE_USER='${REPLICATOR.user}'`,
    `SOURCE_PASSWORD='${REPLICATOR.password}'`,
    'SOURCE_CONNECT_RETRY=1',
    'SOURCE_RETRY_COUNT=86400',
    'GET_SOURCE_PUBLIC_KEY=1',
    'SOURCE_AUTO_POSITION=0',
    `SOURCE_LOG_FILE='${file}'`,
    `SOURCE_LOG_POS=${position}`,
  ];
  return `CHANGE REPLICATION SOURCE TO ${options.join(', ')}`;
}

/** Lets a replica replicate from one more server, from what that one writes from now on. */
export async function addChannel(replica: TestServer, source: SourceAddress, name: string): Promise<void> {
  const at = await binlogEnd(source);
  if (replica.vendor === 'mariadb') {
    await replica.query(changeMaster(source, at).replace('MASTER TO', `MASTER '${name}' TO`));
    await replica.query(`START REPLICA '${name}'`);
  } else {
    await replica.query(`${await changeReplicationSource(source, at)} FOR CHANNEL '${name}'`);
    await replica.query(`START REPLICA FOR CHANNEL '${name}'`);
  }
}

/** Starts a replica's threads, or one of them. */
export async function startReplication(replica: TestServer, thread?: ReplicationThread): Promise<void> {
  await replica.query(`START REPLICA ${threadWords(thread)}`);
}

/** Stops a replica's threads, or one of them. */
export async function stopReplication(replica: TestServer, thread?: ReplicationThread): Promise<void> {
  await replica.query(`STOP REPLICA ${threadWords(thread)}`);
}

/** What a replica says; undefined when it is none. */
export async function replicationStatus(replica: TestServer): Promise<ReplicationStatus | undefined> {
  const [row] = await replica.query<Row>('SHOW REPLICA STATUS');
  if (row === undefined) return undefined;
  const word = 'Master_Port' in row ? 'Master' : 'Source';
  const threads = word === 'Master' ? 'Slave' : 'Replica';
  return {
    sourcePort: Number(row[`${word}_Port`]),
    ioRunning: row[`${threads}_IO_Running`] === 'Yes',
    sqlRunning: row[`${threads}_SQL_Running`] === 'Yes',
    executed: { file: String(row[`Relay_${word}_Log_File`]), position: Number(row[`Exec_${word}_Log_Pos`]) },
    lastError: [row['Last_SQL_Error'], row['Last_IO_Error']].filter((text) => text !== '').join('; '),
  };
}

/** The end of a server's binlogs. */
export async function binlogEnd(
  server: Pick<TestServer, 'name' | 'vendor' | 'version' | 'query'>,
): Promise<BinlogPosition> {
  // MySQL has had the newer words since 8.2; MariaDB 10.11 doesn't know them.
  const newer = server.vendor === 'mysql' && !server.version.startsWith('8.0.');
  const [row] = await server.query<Row>(newer ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS');
  if (row === undefined) throw new Error(`${server.name} has no binlog`);
  return { file: String(row['File']), position: Number(row['Position']) };
}

/**
 * Waits until each of the replicas has applied what its source has by now. `servers` are all that may be a
 * source of one; a source that is a replica itself is waited for first.
 */
export async function waitForReplication(
  replicas: readonly TestServer[],
  servers: readonly TestServer[],
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const level = new Map<TestServer, Promise<void>>();
  const wait = (replica: TestServer): Promise<void> => {
    const known = level.get(replica);
    if (known !== undefined) return known;
    const result = sourceOf(replica, servers).then(async (source) => {
      if (source === undefined) return;
      if (source.alive) await wait(source);
      await waitUntilApplied(replica, source, deadline - Date.now());
    });
    level.set(replica, result);
    return result;
  };
  // A little longer, because those that wait for one replica can say more.
  await within('the replicas have applied everything', timeoutMs + 500, Promise.all(replicas.map(wait)));
}

async function sourceOf(
  replica: TestServer,
  servers: readonly TestServer[],
): Promise<TestServer | undefined> {
  const status = await replicationStatus(replica);
  return servers.find(({ port }) => port === status?.sourcePort);
}

/** Waits until a replica has applied what a server has by now, whatever stands between the two. */
export async function waitUntilApplied(
  replica: TestServer,
  source: TestServer,
  timeoutMs = 60_000,
): Promise<void> {
  const end = await binlogEnd(source);
  let last: ReplicationStatus | undefined;
  const isLevel = async () => {
    last = await replicationStatus(replica);
    // The fetching thread's errors pass (its source may be starting); the applier stands for good.
    if (last !== undefined && !last.sqlRunning && last.lastError !== '') {
      throw new Error(`${replica.name} (${replica.address}) can't apply: ${last.lastError}`);
    }
    return last !== undefined && compare(last.executed, end) >= 0;
  };
  const what = `${replica.name} has applied ${end.file}:${end.position} of ${source.name}`;
  await until(what, isLevel, { timeoutMs, everyMs: 50 }).catch((error: unknown) => {
    throw new Error(`${messageOf(error)}; its state: ${JSON.stringify(last)}`);
  });
}

/** Names of one server's binlogs differ in the number at their end only; it may get longer. */
function compare(a: BinlogPosition, b: BinlogPosition): number {
  return sequence(a.file) - sequence(b.file) || a.position - b.position;
}

function sequence(file: string): number {
  return Number(file.slice(file.lastIndexOf('.') + 1));
}

async function firstBinlog(server: SourceAddress): Promise<string> {
  const [first] = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  if (first === undefined) throw new Error(`${server.name} has no binlog`);
  return first.Log_name;
}

function threadWords(thread: ReplicationThread | undefined): string {
  if (thread === undefined) return '';
  return thread === 'sql' ? 'SQL_THREAD' : 'IO_THREAD';
}
