import { readdir, readlink } from 'node:fs/promises';
import type { Connection } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import type { AgentProcess } from './agent-process.js';
import { schema } from './load-schema.js';

/** How what was written is taken back. */
export type Ending = 'rollback' | 'savepoint' | 'killed';

/** How a session logs. */
export type Format = 'ROW' | 'MIXED' | 'STATEMENT';

const digits =
  '(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';

/** Rows that no other transaction has. */
let used = 5_000_000_000;

/**
 * Writes a transaction of so many rows that is taken back and stands in the source's log all the same, because a temporary
 * table is made in it. In a MIXED session the rows are such that they are logged as rows, and MariaDB's replicas log the
 * transaction, too. With `savepoint` one row before it and one behind it are committed.
 */
export async function writeRolledBack(
  source: TestServer,
  rows: number,
  ending: Ending,
  format: Format = 'ROW',
): Promise<void> {
  const connection = await source.connect({ database: schema });
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await connection.query(sql);
  };
  const half = Math.ceil(rows / 2);
  try {
    await run(`SET SESSION binlog_format = ${format}`, 'BEGIN');
    if (ending === 'savepoint') await run(insertRows(1, format), 'SAVEPOINT before_it');
    await run(insertRows(half, format), 'CREATE TEMPORARY TABLE aside_only (a INT)');
    if (ending === 'killed') await killWhileWriting(source, connection, insertRows(rows - half, format));
    else {
      await run(insertRows(rows - half, format));
      if (ending === 'savepoint')
        await run('ROLLBACK TO SAVEPOINT before_it', insertRows(1, format), 'COMMIT');
      else await run('ROLLBACK');
    }
  } finally {
    connection.destroy();
  }
}

function insertRows(rows: number, format: Format): string {
  const places = Math.max(1, Math.ceil(Math.log10(rows)));
  const names = Array.from({ length: places }, (_, place) => `d${place}`);
  const number = names.map((name, place) => `${10 ** place} * ${name}.d`).join(' + ');
  const crossed = names.map((name) => `${digits} ${name}`).join(' CROSS JOIN ');
  const filler = format === 'STATEMENT' ? "'never there'" : "CONCAT('never there ', UUID())";
  const base = used;
  used += rows;
  return `INSERT INTO bulk SELECT ${base} + n.number, ${filler}, 1 FROM (SELECT ${number} AS number FROM ${crossed}) n
    WHERE n.number < ${rows}`;
}

/** Has the connection killed while it writes, or right behind that; resolves when its transaction is gone. */
async function killWhileWriting(source: TestServer, connection: Connection, sql: string): Promise<void> {
  const id = connection.threadId;
  const writing = connection.query(sql).catch(() => undefined);
  await source.query(`KILL ${id}`).catch(() => undefined);
  await writing;
  await until(
    'the killed connection is gone',
    async () => {
      const left = await source.query('SELECT 1 FROM INFORMATION_SCHEMA.PROCESSLIST WHERE ID = ?', [id]);
      return left.length === 0;
    },
    { timeoutMs: 200_000 },
  );
}

/** Resolves when an agent holds a transaction in a file. */
export async function holdsInFile(agent: AgentProcess, timeoutMs = 200_000): Promise<void> {
  const folder = `/proc/${agent.pid}/fd`;
  await until(
    'the agent holds a transaction in a file',
    async () => {
      for (const name of await readdir(folder)) {
        const target = await readlink(`${folder}/${name}`).catch(() => '');
        if (/\/waymark-[0-9a-f-]+ \(deleted\)$/.test(target)) return true;
      }
      return false;
    },
    { timeoutMs, everyMs: 2 },
  );
}
