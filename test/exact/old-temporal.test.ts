import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMeant, startServer, type TestServer } from '../servers/index.js';
import { AuditRun, schema } from './audit-run.js';
import { agentAccount, createAgentAccount } from '../support/grants.js';
import { askOf, type ComparedColumn, ReplayedTable, type ToldRow } from './replayed-table.js';

/** The formats from before MariaDB 10.1.2, which tables keep until they are rebuilt. */
describe.skipIf(!(await isMeant('mariadb')))("MariaDB's temporal formats of old", () => {
  let server: TestServer;
  const digits = [0, 1, 2, 3, 4, 5, 6];
  const columns = digits
    .flatMap((count) => [`TIME(${count})`, `DATETIME(${count})`, `TIMESTAMP(${count}) NULL`])
    .map((type, index): ComparedColumn => ({ name: `c${index}`, as: 'temporal', type }));

  beforeAll(async () => {
    server = await startServer({
      vendor: 'mariadb',
      settings: { mysql56_temporal_format: 'OFF', sql_mode: 'NO_ENGINE_SUBSTITUTION' },
    });
    await server.query(`CREATE DATABASE ${schema}`);
    await server.query(`USE ${schema}`);
    await server.query("SET time_zone = '+00:00'");
    const definitions = columns.map(({ name, type }) => `${name} ${type}`);
    await server.query(`CREATE TABLE old (id INT PRIMARY KEY, ${definitions.join()})`);
  });

  afterAll(async () => {
    await server.stop();
  });

  test.each(['FULL', 'NO_LOG'])('by the dictionary; binlog_row_metadata=%s', async (setting) => {
    await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
    await server.query('TRUNCATE old');
    const audit = await AuditRun.start(server);
    const rows = [
      ["'00:00:00'", "'0000-00-00'", "'0000-00-00'"],
      ["'-838:59:59.999999'", "'9999-12-31 23:59:59.999999'", "'2038-01-19 03:14:07'"],
      ["'-00:00:00.5'", "'1000-01-01 00:00:00.000001'", "'2026-11-21 20:14:53.123456'"],
      ["'01:02:03.25'", "'2026-11-21 20:14:53.9'", "'1970-01-01 00:00:01'"],
      ['NULL', 'NULL', 'NULL'],
    ];
    for (const [id, row] of rows.entries()) {
      await server.query(`INSERT INTO old VALUES (${id}, ${digits.map(() => row.join()).join()})`);
    }
    const told = await server.query<ToldRow>(`SELECT ${askOf(columns)} FROM old`);
    await server.query('UPDATE old SET id = id + 100');
    await server.query('DELETE FROM old');
    const logged = await audit.end();
    expect(logged.length).toBe(3 * rows.length);
    const replayed = new ReplayedTable();
    for (const row of logged.slice(0, rows.length)) replayed.apply(row);
    expect(replayed.differences(columns, told)).toEqual([]);
    for (const row of logged.slice(rows.length)) replayed.apply(row);
    expect([...replayed.problems, ...replayed.differences(columns, [])]).toEqual([]);
  });

  test("refused by name where the table's definition isn't known: their length is not in the log", async () => {
    await server.query('SET GLOBAL binlog_row_metadata = FULL');
    const { user, password } = agentAccount;
    await createAgentAccount(server);
    const audit = await AuditRun.start(server, { account: { user, password } });
    await server.query('INSERT INTO old (id) VALUES (1)');
    expect(await audit.failure()).toMatchObject({
      code: 'unsupported-event',
      details: { schema, table: 'old', column: 'c0' },
    });
  });
});
