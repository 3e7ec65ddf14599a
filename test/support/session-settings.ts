import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';

/** What a session may set so that its server logs otherwise than its replicas do. */
export type SessionSetting = 'minimal-images' | 'partial-json' | 'statements';

/** What sessions of a vendor can set. */
export function settingsOf({ vendor }: Pick<TestServer, 'vendor'>): readonly SessionSetting[] {
  return vendor === 'mysql'
    ? ['minimal-images', 'partial-json', 'statements']
    : ['minimal-images', 'statements'];
}

/** Makes the tables that these sessions write to, in a schema of their own. */
export async function createPartlyTables(source: TestServer): Promise<void> {
  await source.query('CREATE DATABASE IF NOT EXISTS partly');
  await source.query(
    'CREATE TABLE partly.docs (id INT PRIMARY KEY AUTO_INCREMENT, x INT, y VARCHAR(40), doc JSON)',
  );
  const doc = JSON.stringify({ k: 1, filler: 'long enough to be worth a partial update'.repeat(3) });
  await source.query("INSERT INTO partly.docs (x, y, doc) VALUES (1, 'a', ?), (2, 'b', ?)", [doc, doc]);
}

/** The transactions of one round, under a setting. */
export async function writePartly(
  connection: Connection,
  setting: SessionSetting,
  round: number,
): Promise<void> {
  switch (setting) {
    case 'minimal-images':
      await connection.query("SET SESSION binlog_row_image = 'MINIMAL'");
      await connection.query('INSERT INTO partly.docs (x) VALUES (?)', [round]);
      await connection.query('UPDATE partly.docs SET x = ? WHERE id = 1', [-round]);
      await connection.query('DELETE FROM partly.docs WHERE x = ? AND y IS NULL AND doc IS NULL', [round]);
      await connection.query("SET SESSION binlog_row_image = 'FULL'");
      return;
    case 'partial-json':
      await connection.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
      await connection.query("UPDATE partly.docs SET doc = JSON_SET(doc, '$.k', ?) WHERE id <= 2", [round]);
      await connection.query("SET SESSION binlog_row_value_options = ''");
      return;
    case 'statements':
      await connection.query("SET SESSION binlog_format = 'STATEMENT'");
      await connection.query('INSERT INTO partly.docs (x, y) VALUES (?, ?)', [round, 'by a statement']);
      // Changes nothing: a statement in the log of the source, and nothing in those of its replicas.
      await connection.query('UPDATE partly.docs SET x = 5 WHERE id = -1');
      await connection.query('BEGIN');
      await connection.query('UPDATE partly.docs SET y = ? WHERE id = 1', [`round ${round}`]);
      await connection.query("DELETE FROM partly.docs WHERE y = 'by a statement'");
      await connection.query('COMMIT');
      await connection.query(`CREATE TABLE partly.copy_${round} SELECT id, x FROM partly.docs`);
      await connection.query(`DROP TABLE partly.copy_${round}`);
      await connection.query("SET SESSION binlog_format = 'ROW'");
  }
}

/** Writes under these settings, round after round, until stopped; rejects then with what went wrong. */
export async function startPartly(
  source: TestServer,
  settings: readonly SessionSetting[],
): Promise<{ stop(): Promise<void> }> {
  const connection = await source.connect();
  const state = { stopped: false };
  const write = async (): Promise<void> => {
    for (let round = 1; !state.stopped; round += 1) {
      for (const setting of settings) await writePartly(connection, setting, round);
      await pause(100);
    }
  };
  const writing = write();
  // Told when it is stopped.
  writing.catch(() => undefined);
  return {
    stop: async () => {
      state.stopped = true;
      try {
        await writing;
      } finally {
        connection.destroy();
      }
    },
  };
}
