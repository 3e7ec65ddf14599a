import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds, newLog } from '../integration/fixtures/log-reading.js';
import { startServer, type TestServer } from '../servers/index.js';
import { dictionaryOf, loggedRows } from './decoded-log.js';
import { jsonCells } from './json-cells.js';

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

/** Every byte sequence that can be a character, as an SQL expression over n < 65,536 with a condition. */
function sequencesOf(bytes: number): readonly (readonly [expression: string, where: string])[] {
  const one = ['CHAR(n)', 'n < 256'] as const;
  const two = ['CHAR(n >> 8, n & 255)', 'n > 0x7fff'] as const;
  const three = ['CHAR(0x8f, n >> 8, n & 255)', 'n > 0x7fff'] as const;
  // GB 18030: a sample of the 1.6 million sequences; the table was made from all of them.
  const four = [
    'CHAR(0x81 + n % 126, 0x30 + (n >> 5) % 10, 0x81 + (n >> 3) % 126, 0x30 + (n >> 9) % 10)',
    'TRUE',
  ] as const;
  return [one, ...(bytes > 1 ? [two] : []), ...(bytes === 3 ? [three] : []), ...(bytes === 4 ? [four] : [])];
}

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`character sets of ${kind.vendor}`, { timeout: 180_000 }, () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
      });
      await server.query('CREATE DATABASE exact CHARACTER SET utf8mb4');
      await server.query('USE exact');
      await server.query('CREATE TABLE numbers (n INT UNSIGNED PRIMARY KEY)');
      for (let from = 0; from < 65_536; from += 8192) {
        const values = Array.from({ length: 8192 }, (_, index) => `(${from + index})`);
        await server.query(`INSERT INTO numbers VALUES ${values.join()}`);
      }
    });

    afterAll(async () => {
      await server.stop();
    });

    test('every byte sequence of every set that is a table: its character, or its bytes', async () => {
      const sets = await server.query<{ name: string; bytes: number }>(
        'SELECT CHARACTER_SET_NAME AS name, MAXLEN AS bytes FROM information_schema.CHARACTER_SETS',
      );
      const tables = sets.filter(({ name }) => unicode[name] === undefined && name !== 'binary');
      expect(tables.length).toBeGreaterThan(30);
      for (const { name, bytes } of tables) {
        const start = await newLog(server);
        await server.query(`CREATE TABLE ${name}_ (id INT PRIMARY KEY AUTO_INCREMENT, v VARBINARY(8))`);
        for (const [sequence, where] of sequencesOf(bytes)) {
          await server.query(
            `INSERT INTO ${name}_ (v) SELECT ${sequence} FROM numbers WHERE ${where} ORDER BY n`,
          );
        }
        // Bytes that are no text of the set are cut off by the server: what is left is what it takes for text.
        await server.query(`CREATE TABLE ${name}__ (id INT PRIMARY KEY, v VARCHAR(8) CHARACTER SET ${name})`);
        await server.query(`INSERT IGNORE INTO ${name}__ SELECT id, v FROM ${name}_`);
        const told = await server.query<{ id: number; bytes: string; text: string }>(
          `SELECT id, HEX(v) AS bytes, HEX(CONVERT(v USING utf8mb4)) AS text FROM ${name}__`,
        );
        const rows = await loggedRows(server, start, new Map());
        const decoded = new Map(
          rows
            .filter(({ table }) => table === `${name}__`)
            .map(({ after }) => jsonCells(after ?? ''))
            .map((cells) => [Number(cells.get('id')), cells.get('v') ?? '']),
        );
        expect(decoded.size).toBe(told.length);
        let characters = 0;
        const wrong: string[] = [];
        for (const { id, bytes: raw, text } of told) {
          const json = decoded.get(id) ?? '';
          const shown = Buffer.from(text, 'hex').toString('utf8');
          // The server shows a question mark for what is no character of the set. No other one has its byte in it.
          const marks = Buffer.from(raw, 'hex').filter((byte) => byte === 0x3f).length;
          const isText = shown.split('?').length - 1 === marks;
          const expected = isText
            ? JSON.stringify(shown)
            : JSON.stringify({ $base64: Buffer.from(raw, 'hex').toString('base64') });
          if (isText && shown !== '') characters += 1;
          if (JSON.stringify(JSON.parse(json)) !== expected) wrong.push(`${raw}: ${json}, told ${expected}`);
        }
        expect({ name, wrong: wrong.slice(0, 20) }).toEqual({ name, wrong: [] });
        expect(characters).toBeGreaterThan(100);
        await server.query(`DROP TABLE ${name}_, ${name}__`);
      }
    });

    test.each(Object.entries(unicode))('every character of %s', async (name, last) => {
      const texts = charactersUpTo(last);
      const start = await newLog(server);
      await server.query(
        `CREATE TABLE all_of_${name} (id INT PRIMARY KEY, v VARCHAR(${charactersInRow}) CHARACTER SET ${name})`,
      );
      for (let from = 0; from < texts.length; from += 2000) {
        const values = texts.slice(from, from + 2000).map((text, index) => [from + index, text]);
        await server.query(`INSERT INTO all_of_${name} VALUES ?`, [values]);
      }
      const told = await server.query<{ id: number; text: string }>(
        `SELECT id, HEX(CONVERT(v USING utf8mb4)) AS text FROM all_of_${name} ORDER BY id`,
      );
      const rows = await loggedRows(server, start, new Map());
      expect(rows.length).toBe(texts.length);
      const wrong = rows.filter(({ values: [image] }, index) => {
        const text = image?.['v'];
        return text !== texts[index] || Buffer.from(told[index]?.text ?? '', 'hex').toString('utf8') !== text;
      });
      expect(wrong.map(({ after }) => after)).toEqual([]);
      await server.query(`DROP TABLE all_of_${name}`);
    });

    test.each(kind.vendor === 'mysql' ? ['FULL', 'MINIMAL'] : ['FULL', 'MINIMAL', 'NO_LOG'])(
      'every collation; binlog_row_metadata=%s',
      async (setting) => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const collations = await server.query<{ name: string; charset: string }>(
          kind.vendor === 'mysql'
            ? 'SELECT COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS'
            : 'SELECT FULL_COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset ' +
                'FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
        );
        expect(collations.length).toBeGreaterThan(200);
        const start = await newLog(server);
        const columnsInTable = 150;
        const tables: { table: string; told: Record<string, string> }[] = [];
        for (let from = 0; from < collations.length; from += columnsInTable) {
          const part = collations
            .slice(from, from + columnsInTable)
            .filter(({ charset }) => charset !== 'binary');
          const table = `collations_${from}`;
          const columns = part.map(
            ({ name, charset }) => `\`${name}\` VARCHAR(9) CHARACTER SET ${charset} COLLATE ${name}`,
          );
          await server.query(
            `CREATE TABLE ${table} (id INT PRIMARY KEY, ${columns.join()}) CHARACTER SET utf8mb4`,
          );
          await server.query(`INSERT INTO ${table} VALUES (1, ${part.map(() => "'Zwölf ά я 漢'").join()})`);
          const asked = part.map(({ name }) => `HEX(CONVERT(\`${name}\` USING utf8mb4)) AS \`${name}\``);
          const [told = {}] = await server.query<Record<string, string>>(
            `SELECT ${asked.join()} FROM ${table}`,
          );
          tables.push({ table, told });
        }
        const rows = await loggedRows(server, start, await dictionaryOf(server, 'exact'));
        for (const { table, told } of tables) {
          const [image = {}] = rows.find((row) => row.table === table)?.values ?? [];
          const { id, ...texts } = image;
          expect(id).toBe(1);
          expect(texts).toEqual(
            Object.fromEntries(
              Object.entries(told).map(([name, hex]) => [name, Buffer.from(hex, 'hex').toString('utf8')]),
            ),
          );
        }
        for (const { table } of tables) await server.query(`DROP TABLE ${table}`);
      },
    );
  });
}
