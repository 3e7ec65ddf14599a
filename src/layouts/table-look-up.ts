import type { Coordinates } from '../binlog/coordinates.js';
import type { TableName } from '../binlog/rows-event.js';
import type { DictionaryColumn } from '../decode/described-table.js';
import type { ServerConnection } from '../mysql/connection.js';
import { quoteTable } from '../mysql/quote.js';
import { errorNumberOf, isDenied } from '../mysql/server-error.js';
import { readBinaryLogEnd, valueText } from '../mysql/server-facts.js';
import { isAtLeast, type ServerVersion, type Vendor } from '../mysql/version.js';
import { jsonCollation } from './column-definition.js';
import { readShownTable, type ShownTable } from './shown-table.js';
import { NotUnderstood } from './ddl-tokens.js';
import { readTableColumns, type TableColumn } from './table-columns.js';
import { charsetOfCollationName, keyAmong, type TableDefinition, unsaidCharset } from './table-definition.js';

/** What a server's dictionary says of a table. */
export type LookUp = {
  /**
   * The end of the log after the look-up. The end before it isn't needed: it is after the row that needs
   * names.
   */
  readonly after: Coordinates;
  /** Null if the table can't be looked up, with the reason. */
  readonly table: TableDefinition | Missing;
  /** The default character set of its schema. Null if there is no such schema. */
  readonly schemaCharset: string | null;
};

/** Why a table can't be looked up. `isHidden`: it may exist, but the account can't see it. */
type Missing = { readonly missing: string; readonly isHidden: boolean };

/** A running statement has locked the table. Try again later. */
export const locked = Symbol('locked');

/** ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR, ER_LOCK_WAIT_TIMEOUT (MySQL 8.4 Error Reference; MariaDB has the same). */
const [noTable, noSchema, lockWaitTimeout] = [1146, 1049, 1205];

/** How long a look-up waits for a statement that has the table locked. */
const lockWaitSeconds = 2;

/**
 * Prepares a connection for look-ups: they don't wait long for locks, are shown MySQL's own primary keys, and definitions in
 * one form, whatever the server's sql_mode (ANSI_QUOTES, and MariaDB's NO_TABLE_OPTIONS).
 */
export async function prepareForLookUps(connection: ServerConnection, version: ServerVersion): Promise<void> {
  await connection.run(
    `SET SESSION lock_wait_timeout = ${lockWaitSeconds}, sql_mode = '', sql_quote_show_create = 1`,
  );
  if (version.vendor === 'mysql' && isAtLeast(version, 8, 0, 30)) {
    await connection.run('SET SESSION show_gipk_in_create_table_and_information_schema = ON');
  }
}

/**
 * Looks a table up. SHOW CREATE TABLE waits for a statement that is in the log but not in the dictionary yet.
 * MySQL writes the log first, and its INFORMATION_SCHEMA doesn't wait.
 */
export async function lookUp(
  connection: ServerConnection,
  version: ServerVersion,
  name: TableName,
): Promise<LookUp | typeof locked> {
  const shown = await showTable(connection, name);
  if (shown === locked) return locked;
  const columns = 'sql' in shown ? await readTableColumns(connection, name) : [];
  const { defaultCharset, schemaCharset } = await readCharsets(connection, name);
  const table =
    'sql' in shown ? definitionOf(shown.sql, columns, { vendor: version.vendor, defaultCharset }) : shown;
  return { after: await logEnd(connection, version), table, schemaCharset };
}

function definitionOf(
  sql: string,
  columns: readonly TableColumn[],
  { vendor, defaultCharset }: { readonly vendor: Vendor; readonly defaultCharset: string },
): LookUp['table'] {
  if (columns.length === 0) {
    return {
      missing: 'the table no longer exists, or the account has no SELECT privilege on it',
      isHidden: false,
    };
  }
  try {
    const shown = readShownTable(sql, vendor);
    const named = columns.map((column) => columnOf(column, vendor, shown));
    const hidden = hiddenColumns(sql, vendor);
    return { columns: named, defaultCharset, hidden, key: keyAmong(named, shown.key) };
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
    return { missing: `SHOW CREATE TABLE shows what can't be read: ${error.message}`, isHidden: true };
  }
}

/** Its collation and its own check make a LONGTEXT MariaDB's JSON. */
function columnOf(
  { name, type, charset, collation }: TableColumn,
  vendor: Vendor,
  { checkedJson }: ShownTable,
): DictionaryColumn {
  const isJson = vendor === 'mariadb' && collation === jsonCollation && checkedJson.has(name);
  return { name, charset, type: isJson ? type.replace(/^longtext\b/, 'json') : type };
}

async function logEnd(connection: ServerConnection, version: ServerVersion): Promise<Coordinates> {
  const end = await readBinaryLogEnd(connection, version);
  if (end === null) throw new Error('a server whose log is read has no end of its log');
  return end;
}

/** The statement that creates the table, or why there is none for us. */
async function showTable(
  connection: ServerConnection,
  { schema, table }: TableName,
): Promise<{ readonly sql: string } | Missing | typeof locked> {
  try {
    const [row] = await connection.query(`SHOW CREATE TABLE ${quoteTable(schema, table)}`);
    return { sql: valueText(row?.['Create Table']) };
  } catch (error) {
    const number = errorNumberOf(error);
    if (number === lockWaitTimeout) return locked;
    if (number === noTable || number === noSchema) {
      return { missing: 'the table no longer exists', isHidden: false };
    }
    if (number !== null && isDenied(number)) {
      return { missing: 'the account has no SELECT privilege on it', isHidden: true };
    }
    throw error;
  }
}

/**
 * MariaDB shows neither in INFORMATION_SCHEMA: the period of a table that is system-versioned without naming
 * its columns, and a hash for each UNIQUE over what is too long for an index. In the log they come after the
 * others, in this order.
 */
function hiddenColumns(sql: string, vendor: Vendor): DictionaryColumn[] {
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
  const [charset, collation] = [valueText(row?.['charset']), valueText(row?.['collation'])];
  return {
    defaultCharset: collation === '' ? unsaidCharset.unknown : charsetOfCollationName(collation),
    schemaCharset: charset === '' ? null : charset,
  };
}
