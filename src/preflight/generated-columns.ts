import type { ServerConnection } from '../mysql/connection.js';
import { valueText } from '../mysql/server-facts.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';

/** A table whose server leaves some of its columns out of logged rows. */
export type TableWithUnlogged = {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
};

/**
 * Whether generated columns are in the images of UPDATE and DELETE with `binlog_row_image=FULL`. MySQL and MariaDB
 * 10.11 log them, MariaDB 11.8 doesn't. Versions in between weren't tried.
 */
export function logsGeneratedColumns(version: ServerVersion): boolean {
  return version.vendor === 'mysql' || !isAtLeast(version, 11, 0);
}

/** The tables whose generated columns the server doesn't log. Empty if it logs them. */
export async function readTablesWithUnlogged(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<readonly TableWithUnlogged[]> {
  if (logsGeneratedColumns(version)) return [];
  // Those of system versioning are logged.
  const rows = await connection.query(
    'SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.COLUMNS ' +
      "WHERE IS_GENERATED = 'ALWAYS' AND GENERATION_EXPRESSION NOT IN ('ROW START', 'ROW END') " +
      'ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION',
  );
  const tables = new Map<string, { schema: string; name: string; columns: string[] }>();
  for (const row of rows) {
    const [schema, name] = [valueText(row['s']), valueText(row['t'])];
    const key = JSON.stringify([schema, name]);
    const table = tables.get(key) ?? { schema, name, columns: [] };
    table.columns.push(valueText(row['c']));
    tables.set(key, table);
  }
  return [...tables.values()];
}
