import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds } from '../integration/fixtures/log-reading.js';
import { startServer, type TestServer } from '../servers/index.js';
import { Random } from '../support/random.js';
import { AuditRun, schema } from './audit-run.js';
import { randomValue } from './random-values.js';
import { askOf, type ComparedColumn, ReplayedTable, type ToldRow } from './replayed-table.js';
import { hasType, type Sample, samples } from './samples.js';
import { zongjiAgrees, zongjiCanRead } from './zongji-faults.js';
import { zongjiRows } from './zongji-rows.js';

const tables = 40;
const rowsInTable = 12;
const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'MINIMAL', 'NO_LOG'] } as const;

type RandomTable = {
  readonly samples: readonly Sample[];
  readonly columns: readonly ComparedColumn[];
  /** What the server told when so many rows had been logged. */
  readonly stages: { readonly logged: number; readonly rows: readonly ToldRow[] }[];
};

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`random tables of ${kind.vendor}`, { timeout: 240_000 }, () => {
    let server: TestServer;
    const compared = { select: 0, zongji: 0 };

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
      await server.query(`USE ${schema}`);
      await server.query("SET time_zone = '+00:00'");
    });

    afterAll(async () => {
      console.log(`cells held against SELECT: ${compared.select}, against zongji: ${compared.zongji}`);
      await server.stop();
    });

    /** Makes a table of random columns, and inserts, updates and deletes random rows. */
    async function write(table: string, random: Random, usable: readonly Sample[]): Promise<RandomTable> {
      const picked = Array.from({ length: random.between(1, 25) }, () => random.pick(usable));
      const columns = picked.map(({ as, type }, index): ComparedColumn => ({ name: `c${index}`, as, type }));
      const definitions = columns.map(({ name, type }) => `${name} ${type}`);
      await server.query(
        `CREATE TABLE ${table} (id INT PRIMARY KEY, turn INT, ${definitions.join()}) CHARACTER SET utf8mb4`,
      );
      const all = [{ name: 'turn', as: 'integer', type: 'INT' } as const, ...columns];
      const rowOf = (id: number, turn: number): string => {
        const values = picked.map((sample) =>
          random.chance(0.2) ? 'NULL' : randomValue(sample, random, kind.vendor),
        );
        return `(${[id, turn, ...values].join()})`;
      };
      const stages: RandomTable['stages'] = [];
      let logged = 0;
      const stage = async (more: number, statement: string): Promise<void> => {
        await server.query(statement);
        logged += more;
        stages.push({ logged, rows: await server.query<ToldRow>(`SELECT ${askOf(all)} FROM ${table}`) });
      };
      const ids = Array.from({ length: rowsInTable }, (_, id) => id);
      const names = ['turn', ...columns.map(({ name }) => name)];
      await stage(rowsInTable, `INSERT INTO ${table} VALUES ${ids.map((id) => rowOf(id, 0)).join()}`);
      const chosen = ids.filter(() => random.chance(0.7));
      if (chosen.length > 0) {
        const set = names.map((name) => `${name} = VALUES(${name})`);
        await stage(
          chosen.length,
          `INSERT INTO ${table} VALUES ${chosen.map((id) => rowOf(id, 1)).join()} ON DUPLICATE KEY UPDATE ${set.join()}`,
        );
      }
      await stage(rowsInTable, `UPDATE ${table} SET id = id + 100, turn = 2`);
      await stage(rowsInTable, `DELETE FROM ${table}`);
      return { samples: picked, columns: all, stages };
    }

    test.each(metadata[kind.vendor])(
      'lines, values, zongji and SELECT agree on many columns of all types, in any order; binlog_row_metadata=%s',
      async (setting) => {
        const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 1);
        const random = new Random(seed);
        // All columns of a row have 65,535 bytes of room.
        const usable = samples.filter(
          (sample) =>
            (sample.only === undefined || sample.only === kind.vendor) &&
            hasType(server, sample) &&
            !/\((1000|2000|255)\)/.test(sample.type),
        );
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const audit = await AuditRun.start(server);
        const written = new Map<string, RandomTable>();
        try {
          for (let number = 0; number < tables; number += 1) {
            const table = `${setting.toLowerCase()}_random_${number}`;
            written.set(table, await write(table, random, usable));
          }
        } catch (error) {
          await audit.release();
          throw new Error(`seed ${seed}`, { cause: error });
        }
        const rows = await audit.end();
        const wrong: string[] = [];
        for (const [table, { columns, stages }] of written) {
          const logged = rows.filter((row) => row.table === table);
          expect({ seed, table, logged: logged.length }).toEqual({
            seed,
            table,
            logged: stages.at(-1)?.logged,
          });
          const replayed = new ReplayedTable();
          let applied = 0;
          for (const stage of stages) {
            for (; applied < stage.logged; applied += 1) replayed.apply(logged[applied]!);
            wrong.push(...replayed.differences(columns, stage.rows));
          }
          wrong.push(...replayed.problems);
          compared.select += replayed.compared;
        }
        expect({ seed, wrong: wrong.slice(0, 20) }).toEqual({ seed, wrong: [] });

        const readable = [...written].filter(([, { samples: types }]) => zongjiCanRead(types, kind.vendor));
        const names = readable.map(([table]) => table);
        const [ours, theirs] = [
          await zongjiRows(server, audit, names, 'ours'),
          await zongjiRows(server, audit, names, 'zongji'),
        ];
        expect(ours.length).toBe(rows.filter(({ table }) => names.includes(table)).length);
        expect(theirs.map(({ table }) => table)).toEqual(ours.map(({ table }) => table));
        const differences: string[] = [];
        for (const [index, { table, images }] of ours.entries()) {
          const types = written.get(table)?.samples ?? [];
          for (const [place, image] of images.entries()) {
            const other = theirs[index]?.images[place] ?? {};
            for (const [column, sample] of types.entries()) {
              const name = `c${column}`;
              const cell = { sample, beside: types, value: image[name], vendor: kind.vendor, setting };
              const answer = zongjiAgrees(cell, other[name]);
              if (answer === 'yes') compared.zongji += 1;
              if (answer !== 'no') continue;
              differences.push(
                `${sample.type}: ${JSON.stringify(image[name])}, zongji ${JSON.stringify(other[name])}`,
              );
            }
          }
        }
        expect({ seed, differences: differences.slice(0, 20) }).toEqual({ seed, differences: [] });
      },
    );
  });
}
