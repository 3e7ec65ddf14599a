import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds, newLog } from '../integration/fixtures/log-reading.js';
import { startServer, type TestServer } from '../servers/index.js';
import { Random } from '../support/random.js';
import { comparisons } from './comparison.js';
import { dictionaryOf, loggedRows } from './decoded-log.js';
import { jsonCells } from './json-cells.js';
import { hasType, type Sample, samples } from './samples.js';

const tables = 40;
const rowsInTable = 12;
const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'MINIMAL', 'NO_LOG'] } as const;
/** A row on a page has no room for many values of this size. */
const longest = 60;

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`random tables of ${kind.vendor}`, { timeout: 120_000 }, () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query('CREATE DATABASE exact CHARACTER SET utf8mb4');
      await server.query('USE exact');
      await server.query("SET time_zone = '+00:00'");
    });

    afterAll(async () => {
      await server.stop();
    });

    test.each(metadata[kind.vendor])(
      'many columns of all types, in any order; binlog_row_metadata=%s',
      async (setting) => {
        const seed = Date.now() % 2 ** 31;
        const random = new Random(seed);
        const ours = samples.filter(({ only, values }) => {
          return (
            (only === undefined || only === kind.vendor) && values.every((value) => value.length <= longest)
          );
        });
        // All columns of a row have 65,535 bytes of room.
        const usable = ours.filter(
          (sample) => hasType(server, sample) && !/\((1000|255)\)/.test(sample.type),
        );
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const start = await newLog(server);
        const told = new Map<
          string,
          { columns: Sample[]; rows: Map<number, Record<string, string | null>> }
        >();
        for (let number = 0; number < tables; number += 1) {
          const table = `${setting.toLowerCase()}_random_${number}`;
          const columns = Array.from({ length: random.between(1, 25) }, () => random.pick(usable));
          const definitions = columns.map(({ type }, index) => `c${index} ${type}`);
          await server.query(
            `CREATE TABLE ${table} (id INT PRIMARY KEY, ${definitions.join()}) CHARACTER SET utf8mb4`,
          );
          const rows = Array.from({ length: rowsInTable }, (_, id) => {
            const values = columns.map(({ values: choice }) =>
              random.chance(0.2) ? 'NULL' : random.pick(choice),
            );
            return `(${[id, ...values].join()})`;
          });
          await server.query(`INSERT INTO ${table} VALUES ${rows.join()}`);
          const asked = columns.map(({ as }, index) => `${comparisons[as].ask(`c${index}`)} AS c${index}`);
          const answers = await server.query<Record<string, string | null> & { id: number }>(
            `SELECT id, ${asked.join()} FROM ${table}`,
          );
          told.set(table, { columns, rows: new Map(answers.map((row) => [row.id, row])) });
          await server.query(`DELETE FROM ${table}`);
        }
        const logged = await loggedRows(server, start, await dictionaryOf(server, 'exact'));
        expect(logged.length).toBe(tables * rowsInTable * 2);
        const wrong: string[] = [];
        for (const { table, before, after } of logged) {
          const { columns, rows } = told.get(table)!;
          const cells = jsonCells(before ?? after ?? '');
          const expected = rows.get(Number(cells.get('id')))!;
          columns.forEach(({ as, type }, index) => {
            const json = cells.get(`c${index}`) ?? '';
            const value = expected[`c${index}`] ?? null;
            if (value === null ? json !== 'null' : !comparisons[as].same(json, value)) {
              wrong.push(`${type}: ${json}, told ${value ?? 'NULL'}`);
            }
          });
        }
        expect({ seed, wrong }).toEqual({ seed, wrong: [] });
      },
    );
  });
}
