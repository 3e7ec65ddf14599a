import type { Coordinates } from '../binlog/coordinates.js';
import type { TableName } from '../binlog/rows-event.js';
import type { DictionaryColumn } from '../decode/dictionary.js';
import type { ServerConnection } from '../mysql/connection.js';
import { quoteName } from '../mysql/quote.js';
import { errorNumberOf, isDenied } from '../mysql/server-error.js';
import { readBinaryLogEnd, text } from '../mysql/server.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import { charsetOfCollationName, type TableDefinition, unsaidCharset } from './table-definition.js';

/** What a server's dictionary says of a table. */
export type LookUp = {
  /** The log's end behind it. Where it ended before needs no asking: behind the row that is to be named. */
  readonly after: Coordinates;
  /** Null where the table can't be had, and why. */
  readonly table: TableDefinition | { readonly missing: string };
  /** The default character set of its schema; null where there is no such schema. */
  readonly schemaCharset: string | null;
};

/** The table is locked by a statement under way: what becomes of it is decided later. */
export const locked = Symbol('locked');

/** ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR, ER_LOCK_WAIT_TIMEOUT (MySQL 8.4 Error Reference; MariaDB has the same). */
const [noTable, noSchema, lockWaitTimeout] = [1146, 1049, 1205];

/** How long a look-up waits for a statement that has the table locked. */
const lockWaitSeconds = 2;

/** Prepares a connection for look-ups: they don't wait long for locks, and are shown MySQL's own primary keys. */
export async function prepareForLookUps(connection: ServerConnection, version: ServerVersion): Promise<void> {
  await connection.run(`SET SESSION lock_wait_timeout = ${lockWaitSeconds}`);
  if (version.vendor === 'mysql' && isAtLeast(version, 8, 0, 30)) {
    await connection.run('SET SESSION show_gipk_in_create_table_and_information_schema = ON');
  }
}

/**
 * Looks a table up. SHOW CREATE TABLE waits for a statement that stands in the log and isn't in the dictionary yet: MySQL
 * writes the log first, and its INFORMATION_SCHEMA doesn't wait.
 */
export async function lookUp(
  connection: ServerConnection,
  version: ServerVersion,
  name: TableName,
): Promise<LookUp | typeof locked> {
  const shown = await showTable(connection, name);
  if (shown === locked) return locked;
  const columns = 'sql' in shown ? await readColumns(connection, name) : [];
  const { defaultCharset, schemaCharset } = await readCharsets(connection, name);
  const unseen = { missing: 'the table no longer exists, or the account has no SELECT privilege on it' };
  const known =
    'sql' in shown ? { columns, defaultCharset, hidden: hiddenColumns(shown.sql, version) } : shown;
  const table = columns.length === 0 && 'sql' in shown ? unseen : known;
  return { after: await logEnd(connection, version), table, schemaCharset };
}

async function logEnd(connection: ServerConnection, version: ServerVersion): Promise<Coordinates> {
  const end = await readBinaryLogEnd(connection, version);
  if (end === null) throw new Error('a server whose log is read has no end of its log');
  return end;
}

/** The statement that makes the table; or why there is no such table for us. */
async function showTable(
  connection: ServerConnection,
  { schema, table }: TableName,
): Promise<{ readonly sql: string } | { readonly missing: string } | typeof locked> {
  try {
    const [row] = await connection.query(`SHOW CREATE TABLE ${quoteName(schema)}.${quoteName(table)}`);
    return { sql: text(row?.['Create Table']) };
  } catch (error) {
    const number = errorNumberOf(error);
    if (number === lockWaitTimeout) return locked;
    if (number === noTable || number === noSchema) return { missing: 'the table no longer exists' };
    if (number !== null && isDenied(number)) return { missing: 'the account has no SELECT privilege on it' };
    throw error;
  }
}

/**
 * MariaDB shows neither in INFORMATION_SCHEMA: the period of a table that is system-versioned without naming its columns,
 * and a hash for each UNIQUE over what is too long for an index. In the log they stand behind the others, in this order.
 */
function hiddenColumns(sql: string, { vendor }: ServerVersion): DictionaryColumn[] {
  if (vendor !== 'mariadb') return [];
  const isVersioned = /^\).* WITH SYSTEM VERSIONING\b/m.test(sql) && !/\bAS ROW START\b/.test(sql);
  const period = isVersioned ? ['row_start', 'row_end'] : [];
  const hashes = [...sql.matchAll(/^ *UNIQUE KEY .* USING HASH,?$/gm)];
  return [
    ...period.map((name) => ({ name, type: 'timestamp(6)', charset: null })),
    ...hashes.map((_, index) => ({
      name: `DB_ROW_HASH_${index + 1}`,
      type: 'bigint unsigned',
      charset: null,
    })),
  ];
}

async function readColumns(
  connection: ServerConnection,
  { schema, table }: TableName,
): Promise<DictionaryColumn[]> {
  const rows = await connection.query(
    'SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLUMN_TYPE FROM INFORMATION_SCHEMA.COLUMNS ' +
      'WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  return rows.map((row) => ({
    name: text(row['COLUMN_NAME']),
    type: text(row['COLUMN_TYPE']),
    charset: row['CHARACTER_SET_NAME'] === null ? null : text(row['CHARACTER_SET_NAME']),
  }));
}

/** The default character sets of a table and its schema. */
async function readCharsets(
  connection: ServerConnection,
  { schema, table }: TableName,
): Promise<{ readonly defaultCharset: string; readonly schemaCharset: string | null }> {
  const [row] = await connection.query(
    'SELECT DEFAULT_CHARACTER_SET_NAME AS charset, (SELECT TABLE_COLLATION FROM INFORMATION_SCHEMA.TABLES ' +
      'WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?) AS collation FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ?',
    [schema, table, schema],
  );
  const [charset, collation] = [text(row?.['charset']), text(row?.['collation'])];
  return {
    defaultCharset: collation === '' ? unsaidCharset.unknown : charsetOfCollationName(collation),
    schemaCharset: charset === '' ? null : charset,
  };
}
