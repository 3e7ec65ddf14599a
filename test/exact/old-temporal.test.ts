import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newLog } from '../integration/fixtures/log-reading.js';
import { isMeant, startServer, type TestServer } from '../servers/index.js';
import { dictionaryOf, loggedRows } from './decoded-log.js';
import { jsonCells } from './json-cells.js';

/** The formats from before MariaDB 10.1.2, which tables keep until they are rebuilt. */
describe.skipIf(!(await isMeant('mariadb')))("MariaDB's temporal formats of old", () => {
  let server: TestServer;
  const digits = [0, 1, 2, 3, 4, 5, 6];
  const columns = digits.flatMap((count) => [
    `TIME(${count})`,
    `DATETIME(${count})`,
    `TIMESTAMP(${count}) NULL`,
  ]);

  beforeAll(async () => {
    server = await startServer({
      vendor: 'mariadb',
      settings: { mysql56_temporal_format: 'OFF', sql_mode: 'NO_ENGINE_SUBSTITUTION' },
    });
    await server.query('CREATE DATABASE exact');
    await server.query('USE exact');
    await server.query("SET time_zone = '+00:00'");
    const definitions = columns.map((type, index) => `c${index} ${type}`);
    await server.query(`CREATE TABLE old (id INT PRIMARY KEY, ${definitions.join()})`);
  });

  afterAll(async () => {
    await server.stop();
  });

  test.each(['FULL', 'NO_LOG'])('by the dictionary; binlog_row_metadata=%s', async (setting) => {
    await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
    await server.query('TRUNCATE old');
    const start = await newLog(server);
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
    const asked = columns.map((_, index) => `CAST(c${index} AS CHAR) AS c${index}`);
    const told = await server.query<Record<string, string | null>>(
      `SELECT ${asked.join()} FROM old ORDER BY id`,
    );
    const logged = await loggedRows(server, start, await dictionaryOf(server, 'exact'));
    const decoded = logged.map(({ after }) => {
      const cells = jsonCells(after ?? '');
      cells.delete('id');
      return Object.fromEntries([...cells].map(([name, json]) => [name, JSON.parse(json) as unknown]));
    });
    expect(decoded).toEqual(told);
  });

  test('refused by name where there is no dictionary: their length is not in the log', async () => {
    await server.query('SET GLOBAL binlog_row_metadata = FULL');
    const start = await newLog(server);
    await server.query('DELETE FROM old');
    await expect(loggedRows(server, start, new Map())).rejects.toMatchObject({
      code: 'unsupported-event',
      details: { schema: 'exact', table: 'old', column: 'c0' },
    });
  });
});
