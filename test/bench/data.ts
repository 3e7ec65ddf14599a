import { defaultHintFormat, hintFromToken, hintStatement } from '../../src/hints/hint.js';
import type { TestServer } from '../servers/index.js';

/** A range of a server's binary logs. */
export type Files = { readonly files: readonly string[]; readonly bytes: number };

let counter = 0;

export async function inject(server: TestServer): Promise<string> {
  counter += 1;
  const token = `asc:6B01F8DB:${counter.toString(16).toUpperCase().padStart(16, '0')}:317ACA46`;
  await server.query(hintStatement(hintFromToken(token), defaultHintFormat));
  return token;
}

async function logs(server: TestServer): Promise<{ file: string; bytes: number }[]> {
  const rows = await server.query<{ Log_name: string; File_size: number | string }>('SHOW BINARY LOGS');
  return rows.map((row) => ({ file: row.Log_name, bytes: Number(row.File_size) }));
}

/** Writes something into files of its own. */
async function recorded(server: TestServer, write: () => Promise<void>): Promise<Files> {
  await server.query('FLUSH BINARY LOGS');
  const before = (await logs(server)).length - 1;
  await write();
  await server.query('FLUSH BINARY LOGS');
  const written = (await logs(server)).slice(before, -1);
  return {
    files: written.map(({ file }) => file),
    bytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

export async function makeTables(server: TestServer): Promise<void> {
  await server.query('CREATE DATABASE bench');
  await server.query('USE bench');
  await server.query(
    'CREATE TABLE orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, total DECIMAL(12,2), ' +
      'state VARCHAR(20), note VARCHAR(100), changed DATETIME(6))',
  );
  await server.query(
    `CREATE PROCEDURE singles(count INT) BEGIN
      DECLARE i INT DEFAULT 0;
      WHILE i < count DO
        INSERT INTO orders VALUES (NULL, i, i / 7, 'new', 'a note of some length, as notes are', NOW(6));
        SET i = i + 1;
      END WHILE;
    END`,
  );
}

/** Transactions of one row, a hint before each of `hints` equal parts. */
export function singles(server: TestServer, count: number, hints: number): Promise<Files> {
  return recorded(server, async () => {
    for (let part = 0; part < hints; part += 1) {
      await inject(server);
      await server.query('CALL singles(?)', [Math.ceil(count / hints)]);
    }
  });
}

/** Transactions of 10,000 rows. */
export function bulk(server: TestServer, rows: number): Promise<Files> {
  return recorded(server, async () => {
    await inject(server);
    for (let written = 0; written < rows; written += 10_000) {
      await server.query(
        "INSERT INTO orders SELECT NULL, seq, seq / 7, 'bulk', 'a note of some length, as notes are', NOW(6) " +
          'FROM seq_1_to_10000',
      );
    }
  });
}

/** So many columns of the types of {@link makeTables}'s table, in turns. */
async function makeWide(server: TestServer, columns: number): Promise<string> {
  const table = `wide_${columns}`;
  const types = ['INT', 'DECIMAL(12,2)', 'VARCHAR(20)', 'DATETIME(6)'];
  const definitions = Array.from({ length: columns }, (_, index) => `c${index} ${types[index % 4] ?? ''}`);
  await server.query(`CREATE TABLE IF NOT EXISTS ${table} (${definitions.join(', ')})`);
  return table;
}

const wideValues = (columns: number): string =>
  Array.from({ length: columns }, (_, index) => ['seq', 'seq / 7', "'some text'", 'NOW(6)'][index % 4]).join(
    ', ',
  );

function wide(server: TestServer, columns: number, rows: number): Promise<Files> {
  return recorded(server, async () => {
    const table = await makeWide(server, columns);
    for (let written = 0; written < rows; written += 10_000) {
      await server.query(`INSERT INTO ${table} SELECT ${wideValues(columns)} FROM seq_1_to_10000`);
    }
  });
}

/** Both images of each row. */
async function updates(server: TestServer, rows: number): Promise<Files> {
  await bulk(server, 10_000);
  return recorded(server, async () => {
    for (let written = 0; written < rows; written += 10_000) {
      await server.query(
        "UPDATE orders SET state = IF(state = 'bulk', 'sent', 'bulk'), total = total + 1 ORDER BY id LIMIT 10000",
      );
    }
  });
}

/** Transactions of one row, each in the next table. */
function manyTables(server: TestServer, tables: number, rows: number): Promise<Files> {
  return recorded(server, async () => {
    for (let table = 0; table < tables; table += 1)
      await server.query(`CREATE TABLE IF NOT EXISTS t${table} LIKE orders`);
    await server.query(
      `CREATE OR REPLACE PROCEDURE in_turns(tables INT, count INT) BEGIN
        DECLARE i INT DEFAULT 0;
        WHILE i < count DO
          EXECUTE IMMEDIATE CONCAT('INSERT INTO t', i % tables, " VALUES (NULL, 1, 2, 'new', 'a note', NOW(6))");
          SET i = i + 1;
        END WHILE;
      END`,
    );
    for (let part = 0; part < 10; part += 1) {
      await inject(server);
      await server.query('CALL in_turns(?, ?)', [tables, rows / 10]);
    }
  });
}

function large(server: TestServer, rows: number, bytes: number): Promise<Files> {
  return recorded(server, async () => {
    await server.query('CREATE TABLE IF NOT EXISTS large (id INT PRIMARY KEY AUTO_INCREMENT, body LONGTEXT)');
    for (let row = 0; row < rows; row += 1) {
      await server.query(`INSERT INTO large (body) VALUES (REPEAT('large ', ${Math.round(bytes / 6)}))`);
    }
  });
}

function oneTransaction(server: TestServer, rows: number): Promise<Files> {
  return recorded(server, async () => {
    await server.query(
      `INSERT INTO orders SELECT NULL, seq, seq / 7, 'bulk', 'a note of some length, as notes are', NOW(6) FROM seq_1_to_${rows}`,
    );
  });
}

/** What reading is measured on: a name, the rows that it has, and how it is written. */
export const fixtures: readonly {
  readonly name: string;
  readonly rows: number;
  readonly write: (server: TestServer) => Promise<Files>;
}[] = [
  { name: 'bulk', rows: 1_000_000, write: (server) => bulk(server, 1_000_000) },
  { name: 'single-row transactions', rows: 500_000, write: (server) => singles(server, 500_000, 25) },
  { name: 'updates', rows: 500_000, write: (server) => updates(server, 500_000) },
  { name: '50 columns', rows: 100_000, write: (server) => wide(server, 50, 100_000) },
  { name: '200 columns', rows: 30_000, write: (server) => wide(server, 200, 30_000) },
  { name: '2,000 tables', rows: 100_000, write: (server) => manyTables(server, 2000, 100_000) },
  { name: 'values of 10 MB', rows: 20, write: (server) => large(server, 20, 10_000_000) },
  { name: 'one transaction', rows: 3_000_000, write: (server) => oneTransaction(server, 3_000_000) },
];
