import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds } from '../integration/fixtures/log-reading.js';
import { startServer, type TestServer } from '../servers/index.js';
import { type AuditedRow, AuditRun, schema } from './audit-run.js';
import { isCharacter } from './comparison.js';
import { askOf, type ComparedColumn, ReplayedTable, type ToldRow } from './replayed-table.js';

/** Sets that are ways to write Unicode: they have all of it, or its first 65,536 characters. */
const unicode: Readonly<Record<string, number>> = {
  utf8mb4: 0x10_ffff,
  utf16: 0x10_ffff,
  utf16le: 0x10_ffff,
  utf32: 0x10_ffff,
  utf8mb3: 0xffff,
  ucs2: 0xffff,
};

const charactersInRow = 100;

/** All characters up to one, in rows. */
function charactersUpTo(last: number): string[] {
  const rows: string[] = [];
  let row = '';
  let count = 0;
  for (let point = 0; point <= last; point += 1) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    row += String.fromCodePoint(point);
    count += 1;
    if (count % charactersInRow === 0 || point === last) {
      rows.push(row);
      row = '';
    }
  }
  return rows;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Every byte sequence that can be a character of a set whose longest ones have so many bytes, in hexadecimal. */
function sequencesOf(bytes: number): string[] {
  const hex = (...parts: number[]): string => Buffer.from(parts).toString('hex');
  const high = upTo(65_536).filter((n) => n > 0x7fff);
  return [
    ...upTo(256).map((n) => hex(n)),
    ...(bytes > 1 ? high.map((n) => hex(n >> 8, n & 255)) : []),
    ...(bytes === 3 ? high.map((n) => hex(0x8f, n >> 8, n & 255)) : []),
    // GB 18030: a sample of the 1.6 million sequences; the table was made from all of them.
    ...(bytes === 4
      ? upTo(65_536).map((n) =>
          hex(0x81 + (n % 126), 0x30 + ((n >> 5) % 10), 0x81 + ((n >> 3) % 126), 0x30 + ((n >> 9) % 10)),
        )
      : []),
  ];
}

const columnsInRow = 64;
const columnNames = upTo(columnsInRow).map((n) => `c${n}`);

/** What is default, and what says everything. */
const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'NO_LOG'] } as const;
const everyMetadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'MINIMAL', 'NO_LOG'] } as const;

/** A table that is written, and what the server told of it. */
type Written = {
  readonly table: string;
  readonly columns: readonly ComparedColumn[];
  readonly told: ToldRow[];
};

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`character sets of ${kind.vendor}`, { timeout: 240_000 }, () => {
    let server: TestServer;
    let compared = 0;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
      await server.query(`USE ${schema}`);
    });

    afterAll(async () => {
      console.log(`${compared} cells held against SELECT`);
      await server.stop();
    });

    /** Makes the tables again out of what an agent writes while they are written: inserts, updates and deletes. */
    async function replay(setting: string, write: () => Promise<Written[]>): Promise<void> {
      await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
      const audit = await AuditRun.start(server);
      const written: Written[] = [];
      let rows: AuditedRow[] = [];
      try {
        written.push(...(await write()));
        for (const { table } of written) {
          await server.query(`UPDATE ${table} SET id = id + 100000`);
          await server.query(`DELETE FROM ${table}`);
        }
        rows = await audit.end();
      } finally {
        await audit.release();
      }
      const wrong = written.flatMap(({ table, columns, told }) => {
        const changes = rows.filter((row) => row.table === table);
        expect({ table, changes: changes.length }).toEqual({ table, changes: told.length * 3 });
        const replayed = new ReplayedTable();
        const before = told.length * 2;
        for (const change of changes.slice(0, before)) replayed.apply(change);
        const moved = told.map((row) => ({ ...row, id: row.id + 100_000 }));
        const found = replayed.differences(columns, moved);
        compared += replayed.compared;
        for (const change of changes.slice(before)) replayed.apply(change);
        return [...found, ...replayed.problems, ...replayed.differences(columns, [])].map(
          (text) => `${table}: ${text}`,
        );
      });
      expect(wrong.slice(0, 20)).toEqual([]);
      for (const { table } of written) await server.query(`DROP TABLE ${table}`);
    }

    /** What the server tells of a table. */
    async function told(table: string, columns: readonly ComparedColumn[]): Promise<ToldRow[]> {
      return server.query<ToldRow>(`SELECT ${askOf(columns)} FROM ${table} ORDER BY id`);
    }

    test.each(metadata[kind.vendor])(
      'every byte sequence of every set that is a table: its character, or its bytes; binlog_row_metadata=%s',
      async (setting) => {
        const sets = await server.query<{ name: string; bytes: number }>(
          'SELECT CHARACTER_SET_NAME AS name, MAXLEN AS bytes FROM information_schema.CHARACTER_SETS',
        );
        const tables = sets.filter(({ name }) => unicode[name] === undefined && name !== 'binary');
        expect(tables.length).toBeGreaterThan(30);
        await replay(setting, async () => {
          const written: Written[] = [];
          for (const { name, bytes } of tables) {
            const table = `all_of_${name}`;
            const columns = columnNames.map((column): ComparedColumn => ({
              name: column,
              as: 'bytesOfSet',
              type: name,
            }));
            const definitions = columnNames.map((column) => `${column} VARCHAR(8) CHARACTER SET ${name}`);
            await server.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, ${definitions.join()})`);
            const sequences = sequencesOf(bytes);
            const rows = upTo(Math.ceil(sequences.length / columnsInRow)).map((row) => {
              const cells = columnNames.map((_, column) => {
                const sequence = sequences[row * columnsInRow + column];
                return sequence === undefined ? 'NULL' : `x'${sequence}'`;
              });
              return `(${row}, ${cells.join()})`;
            });
            // Bytes that are no text of the set are cut off by the server: what is left is what it takes for text.
            await server.query(`INSERT IGNORE INTO ${table} VALUES ${rows.join()}`);
            const rowsTold = await told(table, columns);
            const shown = rowsTold.flatMap((row) => columnNames.map((column) => String(row[column] ?? '')));
            expect(shown.filter((text) => isCharacter(text)).length).toBeGreaterThan(100);
            written.push({ table, columns, told: rowsTold });
          }
          return written;
        });
      },
    );

    const texts = Object.entries(unicode);
    test.each(
      metadata[kind.vendor].flatMap((setting) => texts.map(([name, last]) => [name, last, setting] as const)),
    )('every character of %s (up to %i); binlog_row_metadata=%s', async (name, last, setting) => {
      const rows = charactersUpTo(last);
      await replay(setting, async () => {
        const table = `every_${name}`;
        const columns: ComparedColumn[] = [{ name: 'v', as: 'text', type: name }];
        await server.query(
          `CREATE TABLE ${table} (id INT PRIMARY KEY, v VARCHAR(${charactersInRow}) CHARACTER SET ${name})`,
        );
        for (let from = 0; from < rows.length; from += 2000) {
          const values = rows.slice(from, from + 2000).map((text, index) => [from + index, text]);
          await server.query(`INSERT INTO ${table} VALUES ?`, [values]);
        }
        const rowsTold = await told(table, columns);
        // What was sent is what is there: the server has all of these characters.
        expect(rowsTold.map(({ v }) => Buffer.from(String(v), 'hex').toString('utf8'))).toEqual(rows);
        return [{ table, columns, told: rowsTold }];
      });
    });

    test.each(everyMetadata[kind.vendor])('every collation; binlog_row_metadata=%s', async (setting) => {
      const collations = await server.query<{ name: string; charset: string }>(
        kind.vendor === 'mysql'
          ? 'SELECT COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS'
          : 'SELECT FULL_COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset ' +
              'FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
      );
      expect(collations.length).toBeGreaterThan(200);
      const columnsInTable = 150;
      await replay(setting, async () => {
        const written: Written[] = [];
        for (let from = 0; from < collations.length; from += columnsInTable) {
          const part = collations
            .slice(from, from + columnsInTable)
            .filter(({ charset }) => charset !== 'binary');
          const table = `collations_${from}`;
          const columns = part.map(({ name }): ComparedColumn => ({ name, as: 'text', type: name }));
          const definitions = part.map(
            ({ name, charset }) => `\`${name}\` VARCHAR(9) CHARACTER SET ${charset} COLLATE ${name}`,
          );
          await server.query(
            `CREATE TABLE ${table} (id INT PRIMARY KEY, ${definitions.join()}) CHARACTER SET utf8mb4`,
          );
          await server.query(`INSERT INTO ${table} VALUES (1, ${part.map(() => "'Zwölf ά я 漢'").join()})`);
          written.push({ table, columns, told: await told(table, columns) });
        }
        return written;
      });
    });
  });
}
