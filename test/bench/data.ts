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
