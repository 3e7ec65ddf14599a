import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../servers/index.js';
import { kinds } from '../integration/fixtures/log-reading.js';
import { type AuditedRow, AuditRun, schema } from './audit-run.js';
import { askOf, type ComparedColumn, ReplayedTable, type ToldRow } from './replayed-table.js';
import { hasType, samples } from './samples.js';

const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'MINIMAL', 'NO_LOG'] } as const;

/** What the server told of a table when so many of its rows had been logged. */
type Told = { readonly logged: number; readonly rows: readonly ToldRow[] };

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(kind.vendor, () => {
    let server: TestServer;
    let compared = 0;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
      await server.query(`USE ${schema}`);
      await server.query("SET time_zone = '+00:00', SESSION group_concat_max_len = 10000000");
    });

    afterAll(async () => {
      console.log(`${compared} cells held against SELECT`);
      await server.stop();
    });

    describe.each(metadata[kind.vendor])('binlog_row_metadata=%s', (setting) => {
      const ours = samples.filter(({ only }) => only === undefined || only === kind.vendor);
      const told = new Map<string, Told[]>();
      let rows: AuditedRow[] = [];
      const tableOf = (index: number): string => `${setting.toLowerCase()}_${index}`;
      const columnsOf = (index: number): ComparedColumn[] => [
        { name: 'v', as: ours[index]!.as, type: ours[index]!.type },
        { name: 'w', as: 'integer', type: 'INT' },
      ];

      beforeAll(async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const audit = await AuditRun.start(server);
        try {
          for (const [index, sample] of ours.entries()) {
            if (!hasType(server, sample)) continue;
            const table = tableOf(index);
            // MariaDB's VECTOR may not be NULL without an index; with one neither.
            await server.query(
              `CREATE TABLE ${table} (id INT PRIMARY KEY, v ${sample.type}, w INT) CHARACTER SET utf8mb4`,
            );
            const stages: Told[] = [];
            let logged = 0;
            const stage = async (more: number, ...statements: string[]): Promise<void> => {
              for (const statement of statements) await server.query(statement);
              logged += more;
              const asked = `SELECT ${askOf(columnsOf(index))} FROM ${table}`;
              stages.push({ logged, rows: await server.query<ToldRow>(asked) });
            };
            const values = [...sample.values, 'NULL'];
            const { length } = values;
            const listed = (turn: number): string =>
              values
                .map((_, id) => `(${id}, ${values[(id + turn) % length] ?? ''}, ${id * 7 + turn})`)
                .join(', ');
            await stage(length, `INSERT INTO ${table} VALUES ${listed(0)}`);
            await stage(
              length,
              `INSERT INTO ${table} VALUES ${listed(1)} ON DUPLICATE KEY UPDATE v = VALUES(v), w = VALUES(w)`,
            );
            await stage(length, `UPDATE ${table} SET id = id + 1000`);
            await stage(length >> 1, `DELETE FROM ${table} WHERE id % 2 = 1`);
            await stage(length - (length >> 1), `DELETE FROM ${table}`);
            told.set(table, stages);
          }
          rows = await audit.end();
        } finally {
          await audit.release();
        }
      }, 240_000);

      test.each(ours.map((sample, index) => [sample.type, index] as const))('%s', (_type, index) => {
        if (!hasType(server, ours[index]!)) return;
        const stages = told.get(tableOf(index))!;
        const logged = rows.filter((row) => row.table === tableOf(index));
        expect(logged.length).toBe(stages.at(-1)!.logged);
        const replayed = new ReplayedTable();
        let applied = 0;
        const wrong = stages.flatMap((stage) => {
          for (; applied < stage.logged; applied += 1) replayed.apply(logged[applied]!);
          return replayed.differences(columnsOf(index), stage.rows);
        });
        expect([...replayed.problems, ...wrong]).toEqual([]);
        expect(replayed.compared).toBeGreaterThan(2 * ours[index]!.values.length);
        compared += replayed.compared;
      });
    });
  });
}
