import { describe, expect, test } from 'vitest';
import { dialectOf, type SourceChange } from '../../../src/mysql/dialect.js';
import { parseServerVersion } from '../../../src/mysql/version.js';

const byPosition: SourceChange = {
  host: 'db1.example.com',
  port: 3307,
  start: { by: 'position', file: 'mysql-bin.000018', position: 32_087_423 },
  heartbeatSeconds: 1.5,
};
const byGtid: SourceChange = {
  ...byPosition,
  start: { by: 'gtid', mariadbPosition: 'slave_pos' },
  heartbeatSeconds: null,
};

/** All statements of a version, in the order of the tables below. */
function statements(version: string): string[] {
  const dialect = dialectOf(parseServerVersion(version));
  return [
    dialect.binaryLogStatus,
    dialect.replicaStatus,
    dialect.replicas,
    dialect.logUpdatesVariable,
    dialect.stopThread('receiver', ''),
    dialect.stopThread('applier', ''),
    dialect.startThread('receiver', ''),
    dialect.startThread('applier', ''),
    dialect.changeSource(byPosition, ''),
    dialect.changeSource(byGtid, ''),
    dialect.forgetSource(''),
    dialect.allowWrites,
  ];
}

const mariadb = [
  'SHOW MASTER STATUS',
  'SHOW ALL SLAVES STATUS',
  'SHOW SLAVE HOSTS',
  'log_slave_updates',
  'STOP SLAVE IO_THREAD',
  'STOP SLAVE SQL_THREAD',
  'START SLAVE IO_THREAD',
  'START SLAVE SQL_THREAD',
  "CHANGE MASTER TO MASTER_HOST = 'db1.example.com', MASTER_PORT = 3307, MASTER_LOG_FILE = 'mysql-bin.000018', " +
    'MASTER_LOG_POS = 32087423, MASTER_USE_GTID = no, MASTER_HEARTBEAT_PERIOD = 1.5',
  "CHANGE MASTER TO MASTER_HOST = 'db1.example.com', MASTER_PORT = 3307, MASTER_USE_GTID = slave_pos",
  'RESET SLAVE ALL',
  'SET GLOBAL read_only = OFF',
];

const oldMysql = [
  'SHOW MASTER STATUS',
  'SHOW SLAVE STATUS',
  'SHOW SLAVE HOSTS',
  'log_slave_updates',
  "STOP SLAVE IO_THREAD FOR CHANNEL ''",
  "STOP SLAVE SQL_THREAD FOR CHANNEL ''",
  "START SLAVE IO_THREAD FOR CHANNEL ''",
  "START SLAVE SQL_THREAD FOR CHANNEL ''",
  "CHANGE MASTER TO MASTER_HOST = 'db1.example.com', MASTER_PORT = 3307, MASTER_LOG_FILE = 'mysql-bin.000018', " +
    "MASTER_LOG_POS = 32087423, MASTER_AUTO_POSITION = 0, MASTER_HEARTBEAT_PERIOD = 1.5 FOR CHANNEL ''",
  "CHANGE MASTER TO MASTER_HOST = 'db1.example.com', MASTER_PORT = 3307, MASTER_AUTO_POSITION = 1 FOR CHANNEL ''",
  "RESET SLAVE ALL FOR CHANNEL ''",
  'SET GLOBAL read_only = OFF',
];

const newMysql = oldMysql.map((statement) =>
  statement
    .replace('SHOW MASTER STATUS', 'SHOW BINARY LOG STATUS')
    .replace('SHOW SLAVE HOSTS', 'SHOW REPLICAS')
    .replace('CHANGE MASTER', 'CHANGE REPLICATION SOURCE')
    .replaceAll('MASTER', 'SOURCE')
    .replaceAll('SLAVE', 'REPLICA')
    .replace('log_slave_updates', 'log_replica_updates'),
);

/** MySQL's words changed one after the other. */
const betweenMysql = (changes: readonly ('binlog' | 'change' | 'variable')[]): string[] =>
  newMysql.map((statement, index) => {
    const older = oldMysql[index] ?? '';
    if (index === 0) return changes.includes('binlog') ? statement : older;
    if (index === 3) return changes.includes('variable') ? statement : older;
    if (index === 8 || index === 9) return changes.includes('change') ? statement : older;
    return statement;
  });

describe('dialectOf', () => {
  test.each([
    ['5.7.44-log', oldMysql],
    ['8.0.11', oldMysql],
    ['8.0.21', oldMysql],
    ['8.0.22', betweenMysql([])],
    ['8.0.23', betweenMysql(['change'])],
    ['8.0.26', betweenMysql(['change', 'variable'])],
    ['8.0.36-28', betweenMysql(['change', 'variable'])],
    ['8.1.0', betweenMysql(['change', 'variable'])],
    ['8.2.0', newMysql],
    ['8.4.6', newMysql],
    ['9.7.4', newMysql],
    ['10.5.29-MariaDB-log', mariadb],
    ['10.6.22-MariaDB', mariadb],
    ['10.11.19-MariaDB-0+deb12u1-log', mariadb],
    ['11.4.7-MariaDB', mariadb],
    ['11.8.6-MariaDB-0+deb13u1', mariadb],
  ])('%s', (version, expected) => {
    expect(statements(version)).toEqual(expected);
  });

  test('columns of the status, by the words of the statement that shows it', () => {
    const columns = (version: string) => dialectOf(parseServerVersion(version)).columns;
    expect(columns('5.7.44')).toMatchObject({
      channel: 'Channel_Name',
      sourceHost: 'Master_Host',
      executedPosition: 'Exec_Master_Log_Pos',
      applierState: 'Slave_SQL_Running_State',
      autoPosition: 'Auto_Position',
    });
    expect(columns('8.0.22')).toMatchObject({
      sourceHost: 'Source_Host',
      receiverRunning: 'Replica_IO_Running',
      executedFile: 'Relay_Source_Log_File',
      lag: 'Seconds_Behind_Source',
    });
    expect(columns('11.8.6-MariaDB')).toMatchObject({
      channel: 'Connection_name',
      receivedFile: 'Master_Log_File',
      receivedPosition: 'Read_Master_Log_Pos',
      autoPosition: 'Using_Gtid',
    });
  });

  test('named channels', () => {
    const old = dialectOf(parseServerVersion('10.6.1-MariaDB'));
    expect(old.stopThread('receiver', "o'hare")).toBe("STOP SLAVE 'o''hare' IO_THREAD");
    expect(old.changeSource(byGtid, 'b')).toMatch(/^CHANGE MASTER 'b' TO MASTER_HOST/);
    expect(old.forgetSource('b')).toBe("RESET SLAVE 'b' ALL");
    const current = dialectOf(parseServerVersion('9.7.4'));
    expect(current.startThread('applier', 'b')).toBe("START REPLICA SQL_THREAD FOR CHANNEL 'b'");
  });

  test('relay logs', () => {
    const old = dialectOf(parseServerVersion('10.6.1-MariaDB'));
    expect(old.relayLogEvents('', null, 4, 100)).toBe('SHOW RELAYLOG EVENTS FROM 4 LIMIT 100');
    expect(old.relayLogEvents('b', 'relay.1', 4, 100)).toBe(
      "SHOW RELAYLOG 'b' EVENTS IN 'relay.1' FROM 4 LIMIT 100",
    );
    const current = dialectOf(parseServerVersion('9.7.4'));
    expect(current.relayLogEvents('', 'relay.1', 77, 9)).toBe(
      "SHOW RELAYLOG EVENTS IN 'relay.1' FROM 77 LIMIT 9 FOR CHANNEL ''",
    );
  });

  test('text is quoted', () => {
    const change = {
      ...byPosition,
      host: "a'b\\",
      start: { ...byPosition.start, file: "x'; DROP" },
    } as const;
    const statement = dialectOf(parseServerVersion('9.7.4')).changeSource(change, '');
    expect(statement).toContain("SOURCE_HOST = 'a''b\\\\'");
    expect(statement).toContain("SOURCE_LOG_FILE = 'x''; DROP'");
  });
});
