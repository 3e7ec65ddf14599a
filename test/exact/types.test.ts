import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../servers/index.js';
import { kinds, newLog } from '../integration/fixtures/log-reading.js';
import { comparisons } from './comparison.js';
import { dictionaryOf, type LoggedRow, loggedRows } from './decoded-log.js';
import { jsonCells } from './json-cells.js';
import { hasType, samples } from './samples.js';

const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'MINIMAL', 'NO_LOG'] } as const;

/** What the server tells of a table's values, by id; null for NULL. */
type Told = ReadonlyMap<number, string | null>;

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(kind.vendor, () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query('CREATE DATABASE exact CHARACTER SET utf8mb4');
      await server.query('USE exact');
      await server.query("SET time_zone = '+00:00', SESSION group_concat_max_len = 10000000");
    });

    afterAll(async () => {
      await server.stop();
    });

    describe.each(metadata[kind.vendor])('binlog_row_metadata=%s', (setting) => {
      const ours = samples.filter(({ only }) => only === undefined || only === kind.vendor);
      const told = new Map<string, Told>();
      let rows: LoggedRow[] = [];
      const tableOf = (index: number): string => `${setting.toLowerCase()}_${index}`;

      beforeAll(async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const start = await newLog(server);
        for (const [index, sample] of ours.entries()) {
          if (!hasType(server, sample)) continue;
          const table = tableOf(index);
          // MariaDB's VECTOR may not be NULL without an index; with one neither.
          await server.query(
            `CREATE TABLE ${table} (id INT PRIMARY KEY, v ${sample.type}, w INT) CHARACTER SET utf8mb4`,
          );
          const values = [...sample.values, 'NULL'].map((value, id) => `(${id}, ${value}, ${id * 7})`);
          await server.query(`INSERT INTO ${table} VALUES ${values.join(', ')}`);
          const answers = await server.query<{ id: number; told: string | null }>(
            `SELECT id, ${comparisons[sample.as].ask('v')} AS told FROM ${table}`,
          );
          told.set(table, new Map(answers.map(({ id, told: value }) => [id, value])));
          await server.query(`UPDATE ${table} SET w = w + 1`);
          await server.query(`DELETE FROM ${table} ORDER BY id DESC`);
        }
        rows = await loggedRows(server, start, await dictionaryOf(server, 'exact'));
      });

      test.each(ours.map((sample, index) => [sample.type, index] as const))('%s', (_type, index) => {
        const sample = ours[index]!;
        if (!hasType(server, sample)) return;
        const table = tableOf(index);
        const expected = told.get(table)!;
        const logged = rows.filter((row) => row.table === table);
        const count = sample.values.length + 1;
        expect(expected.size).toBe(count);
        expect(logged.map(({ operation }) => operation)).toEqual([
          ...Array<string>(count).fill('insert'),
          ...Array<string>(count).fill('update'),
          ...Array<string>(count).fill('delete'),
        ]);
        const wrong: string[] = [];
        for (const { operation, before, after, partial, values } of logged) {
          expect(partial).toBe(false);
          for (const [place, image] of [before, after].filter((text) => text !== null).entries()) {
            const cells = jsonCells(image);
            expect([...cells.keys()]).toEqual(['id', 'v', 'w']);
            const id = Number(cells.get('id'));
            const json = cells.get('v') ?? '';
            const value = expected.get(id) ?? null;
            const same = value === null ? json === 'null' : comparisons[sample.as].same(json, value);
            if (!same)
              wrong.push(
                `${operation} ${id} (${sample.values[id] ?? 'NULL'}): ${json}, told ${value ?? 'NULL'}`,
              );
            expect(Object.keys(values[place] ?? {})).toEqual(['id', 'v', 'w']);
            const w = id * 7 + (operation === 'insert' || (operation === 'update' && place === 0) ? 0 : 1);
            expect(cells.get('w')).toBe(String(w));
          }
        }
        expect(wrong).toEqual([]);
      });
    });
  });
}
