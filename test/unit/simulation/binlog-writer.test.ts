import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Vendor } from '../../../src/mysql/version.js';
import {
  annotation,
  fileHead,
  formatDescription,
  mariadbGtid,
  mysqlGtid,
  query,
  rows,
  tableMap,
} from '../../simulation/server/events.js';
import { BinlogState, ExecutedGtids } from '../../simulation/server/gtids.js';
import type { SimulatedServer } from '../../simulation/server/server.js';
import { createStatement } from '../../simulation/server/tables.js';
import type { Content, RowChange } from '../../simulation/server/transaction.js';
import { hintContent, Workload } from '../../simulation/server/workload.js';
import { defaultHintFormat, hintFromToken } from '../../../src/hints/hint.js';
import { Random } from '../../support/random.js';
import { choicesOf } from './choices.js';
import { readLog } from './log-reading.js';
import { createOrders, insertOf, modelOf, orders } from './models.js';
import { formats, recorded } from './recorded-events.js';

const hex = ({ body }: { readonly body: Buffer }): string => body.toString('hex');
const vendors: readonly Vendor[] = ['mysql', 'mariadb'];

const hint = hintContent(hintFromToken('asc:56373F17:00000000012B1C8B:50EC77A1'), defaultHintFormat);
const hintSql = hint.kind === 'statement' ? hint.sql : '';
const inserted: readonly RowChange[] = [
  { before: null, after: [1, 7, 'größer'] },
  { before: null, after: [2, -1, null] },
];
const updated: readonly RowChange[] = [{ before: [2, -1, null], after: [2, 5, 'x'] }];
const deleted: readonly RowChange[] = [{ before: [1, 7, 'größer'], after: null }];

describe.each(vendors)('the bytes that %s has written', (vendor) => {
  const real = recorded[vendor];
  const { connection } = real;
  const limits = { vendor, mostBytes: 8192 };

  test('a table map with all its metadata', () => {
    const map = hex(tableMap(real.tableId, orders, vendor, 'FULL'));
    // The bits of signs beyond the last column are MySQL's to choose.
    expect(map).toBe(real.tableMap.replace('010104', '010100'));
  });

  test('row events', () => {
    const of = (operation: 'insert' | 'update' | 'delete', changes: readonly RowChange[]): string[] =>
      rows(real.tableId, orders, operation, changes, limits).map(hex);
    // MySQL 9.7 has a flag of its own (10) for foreign keys.
    const like = (bytes: string): string[] => [bytes.replace(/^7a000000000011/, '7a000000000001')];
    expect(of('insert', inserted)).toEqual(like(real.insert));
    expect(of('update', updated)).toEqual(like(real.update));
    expect(of('delete', deleted)).toEqual(like(real.delete));
  });

  test('statements', () => {
    const sql = createStatement(orders);
    const create = query({ vendor, sql, connection, ddl: { schema: 'shop', xid: real.xidOfCreate } });
    expect(hex(create)).toBe(real.create);
    const xid = 'xidOfHint' in real ? real.xidOfHint : 0;
    expect(hex(query({ vendor, sql: hintSql, connection, ddl: { schema: null, xid } }))).toBe(real.hint);
    if ('annotation' in real)
      expect(hex(annotation('delete from shop.orders_1 where id=1'))).toBe(real.annotation);
    if ('begin' in real) expect(hex(query({ vendor, sql: 'BEGIN', connection }))).toBe(real.begin);
    if ('savepoint' in real)
      expect(hex(query({ vendor, sql: 'SAVEPOINT `here`', connection }))).toBe(real.savepoint);
  });

  test('the beginning of a file', () => {
    const isMysql = vendor === 'mysql';
    const version = isMysql ? '9.7.4-2' : '10.11.19-MariaDB-0+deb12u1-log';
    const body = formatDescription(vendor, version, isMysql ? 0x6b0d105e : 0x6b0d1076).body;
    // Version 1 of row events has gone since 8.4: their fixed parts are at 57 + 22.
    if (isMysql) body.fill(0, 57 + 22, 57 + 25);
    expect(body.toString('hex')).toBe(formats[vendor]);
    const none = isMysql ? new ExecutedGtids() : new BinlogState();
    expect(fileHead(vendor, none.encode(), []).map(hex)).toEqual([real.noGtids]);
  });
});

test('the GTIDs before a file', () => {
  const mysql = new ExecutedGtids();
  for (let number = 1; number <= 9; number += 1) {
    mysql.add({ vendor: 'mysql', uuid: 'f9131de3-ec82-11f1-97d7-02fc00000001', number });
  }
  expect(mysql.encode().toString('hex')).toBe(recorded.mysql.gtids);
  const mariadb = new BinlogState();
  mariadb.add({ vendor: 'mariadb', domain: 0, serverId: 1, sequence: 8 });
  const [list, checkpoint] = fileHead('mariadb', mariadb.encode(), ['mysql-bin.000001']);
  expect(list?.body.toString('hex')).toBe(recorded.mariadb.gtids);
  expect(checkpoint?.body.toString('hex')).toBe(recorded.mariadb.checkpoint);
});

test('GTID events', () => {
  const gtid = { uuid: 'f9131de3-ec82-11f1-97d7-02fc00000001' };
  const committed = Buffer.from('f46a0d17786106', 'hex').readUIntLE(0, 6) + 6 * 2 ** 48;
  const own = { committed, committedHere: committed, serverVersion: 90_704 };
  const group = mysqlGtid({
    ...{ ...own, mayHaveStatements: false, gtid: { ...gtid, number: 3 }, sequence: 3 },
    otherBytes: 71 + 86 + 71 + 31,
  });
  expect(hex(group)).toBe(recorded.mysql.gtid);
  expect(hex(mariadbGtid(3, 0, 0x0c))).toBe(recorded.mariadb.gtid);
  expect(hex(mariadbGtid(6, 0, 0x29))).toBe(recorded.mariadb.gtidOfHint);
});

describe.each(vendors)('our own code reads what the model of %s writes', (vendor) => {
  test('transactions, their GTIDs and what they hold', async () => {
    const server = modelOf(vendor, 1);
    const written = [createOrders, insertOf(1, 2), hint, insertOf(3)].map((content) =>
      server.commit(content),
    );
    const read = await readLog(server);
    const uuid = 'f9131de3-ec82-11f1-97d7-02fc00000001';
    expect(read.map(({ gtid }) => gtid)).toEqual(
      [1, 2, 3, 4].map((number) => (vendor === 'mysql' ? `${uuid}:${number}` : `0-1-${number}`)),
    );
    expect(read.map(({ identity }) => identity?.origin)).toEqual(
      written.map(({ committed }, index) => (vendor === 'mysql' ? `c:${committed}` : `g:0-1-${index + 1}`)),
    );
    expect(read.map(({ statement }) => statement?.sql)).toEqual([
      createStatement(orders),
      undefined,
      hintSql,
      undefined,
    ]);
    expect(read.map(({ rowEvents }) => rowEvents)).toEqual([0, 1, 0, 1]);
    expect(read.at(-1)?.end).toEqual(server.binlog.end);
  });

  test('what is rolled back, whole or from a savepoint on, has no content', async () => {
    const server = modelOf(vendor, 1);
    server.commit(createOrders);
    const rolledBack: Content = { ...groupOf(insertOf(1)), end: 'rollback' };
    server.commit(rolledBack);
    const [kept] = groupOf(insertOf(2)).steps;
    const [taken] = groupOf(insertOf(3)).steps;
    if (kept === undefined || taken === undefined) throw new Error('no steps');
    const name = 'here';
    server.commit({
      ...{ kind: 'group', end: 'xid' },
      steps: [kept, { kind: 'savepoint', name }, taken, { kind: 'rollback-to', name }],
    });
    const other = modelOf(vendor, 1);
    other.commit(createOrders);
    other.commit(insertOf(2));
    const [, first, second] = await readLog(server);
    const [, same] = await readLog(other);
    expect(first?.identity).toBeNull();
    expect(second?.identity?.digest).toBe(same?.identity?.digest);
  });

  test('the same content has the same digest on a replica that splits rows otherwise', async () => {
    const source = modelOf(vendor, 1);
    const replica = modelOf(vendor, 2, {
      mostRowBytes: 100,
      rowMetadata: vendor === 'mysql' ? 'MINIMAL' : 'NO_LOG',
    });
    replica.replicateFrom(source);
    source.commit(createOrders);
    source.commit(insertOf(...Array.from({ length: 30 }, (_, index) => index)));
    replica.replication?.receive();
    while (replica.replication?.applicable().length === 1) replica.replication.apply();
    const [here, there] = [await readLog(source), await readLog(replica)];
    expect(there.map(({ identity }) => identity)).toEqual(here.map(({ identity }) => identity));
    expect(there[1]?.rowEvents).toBeGreaterThan(here[1]?.rowEvents ?? 0);
  });
});

test.each(vendors)('compressed logs of %s have the same content', async (vendor) => {
  const [plain, compressing] = [modelOf(vendor, 1), modelOf(vendor, 1, { compresses: true })];
  const [name, steps] = ['here', groupOf(insertOf(1, 2)).steps];
  for (const server of [plain, compressing]) {
    server.commit(createOrders);
    server.commit(insertOf(...Array.from({ length: 40 }, (_, index) => 10 + index)));
    const taken = groupOf(insertOf(3)).steps;
    const all = [...steps, { kind: 'savepoint', name }, ...taken, { kind: 'rollback-to', name }] as const;
    server.commit({ kind: 'group', end: 'xid', steps: all });
    server.commit({ ...groupOf(insertOf(4)), end: 'rollback' });
    server.commit(insertOf(5));
  }
  const [wanted, read] = [await readLog(plain), await readLog(compressing)];
  expect(wanted).toHaveLength(5);
  expect(read.map(({ identity, gtid }) => ({ identity, gtid }))).toEqual(
    wanted.map(({ identity, gtid }) => ({ identity, gtid })),
  );
  expect(read.at(-1)?.end).toEqual(compressing.binlog.end);
  const types = new Set(compressing.binlog.current.events.map(({ type }) => type));
  expect(types).toContain(vendor === 'mysql' ? 40 : 166);
  expect(types).not.toContain(vendor === 'mysql' ? 30 : 23);
});

test('without GTIDs MySQL writes anonymous ones', async () => {
  const server = modelOf('mysql', 1, { gtidMode: false });
  const { committed } = server.commit(createOrders);
  expect(await readLog(server)).toMatchObject([{ gtid: null, identity: { origin: `c:${committed}` } }]);
});

function groupOf(content: Content): Extract<Content, { kind: 'group' }> {
  if (content.kind !== 'group') throw new Error('no group');
  return content;
}

const hasReader = (process.env['PATH'] ?? '')
  .split(delimiter)
  .some((path) => existsSync(join(path, 'mariadb-binlog')));

describe.skipIf(!hasReader)('mariadb-binlog, where it is installed', () => {
  test.each(vendors)('reads the files of %s', async (vendor) => {
    const server = modelOf(vendor, 1);
    const workload = new Workload(server, choicesOf(new Random(7)), { writers: 3, hintEvery: 10 });
    for (let count = 0; count < 100; count += 1) {
      workload.step();
      if (count % 40 === 39) server.flushLogs();
    }
    server.shutDown();
    const { stdout: text, stderr } = await printed(server);
    // MySQL's collation is none of MariaDB's.
    expect(stderr.split('\n').filter((line) => !line.includes("Character set '#255'"))).toEqual(['']);
    expect(text.match(/_pseudo_gtid_hint__asc/g)?.length).toBe(
      workload.history.filter(({ content }) => content.kind === 'statement' && content.isHint).length,
    );
    expect(text).toContain('### INSERT INTO `shop`.`orders_1`');
  });

  test('reads compressed files of MariaDB as those that are not', async () => {
    const [plain, packed] = [false, true].map((compresses) => {
      const server = modelOf('mariadb', 1, { compresses });
      const workload = new Workload(server, choicesOf(new Random(7)), { writers: 3, hintEvery: 10 });
      for (let count = 0; count < 60; count += 1) workload.step();
      server.shutDown();
      return server;
    });
    const changes = async (server: SimulatedServer | undefined): Promise<readonly string[]> => {
      const { stdout } = server === undefined ? { stdout: '' } : await printed(server);
      return stdout.split('\n').filter((line) => line.startsWith('###'));
    };
    expect(await changes(packed)).toEqual(await changes(plain));
    expect((await changes(packed)).length).toBeGreaterThan(100);
  });
});

/** What mariadb-binlog prints of a server's files; checksums verified. */
async function printed(server: SimulatedServer): Promise<{ stdout: string; stderr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'waymark-model-'));
  try {
    const paths: string[] = [];
    for (const { name, bytes } of server.binlog.files) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      paths.push(path);
    }
    const options = ['--no-defaults', '--verify-binlog-checksum', '-v', '--base64-output=decode-rows'];
    const limits = { maxBuffer: 64 * 1024 * 1024, timeout: 20_000 };
    return await promisify(execFile)('mariadb-binlog', [...options, ...paths], limits);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
