import type { TableName } from '../binlog/rows-event.js';
import type { DictionaryColumn } from '../decode/described-table.js';
import type { ServerConnection } from '../mysql/connection.js';
import { valueText } from '../mysql/server-facts.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it. */
export type TableColumn = DictionaryColumn & { readonly collation: string | null; readonly comment: string };

/** The columns that a table has now, in their order; none where it isn't there, or the account may not see it. */
export async function readTableColumns(
  connection: ServerConnection,
  { schema, table }: TableName,
): Promise<TableColumn[]> {
  const rows = await connection.query(
    'SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_TYPE, COLUMN_COMMENT ' +
      'FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  return rows.map((row) => ({
    name: valueText(row['COLUMN_NAME']),
    type: valueText(row['COLUMN_TYPE']),
    charset: orNull(row['CHARACTER_SET_NAME']),
    collation: orNull(row['COLLATION_NAME']),
    comment: valueText(row['COLUMN_COMMENT']),
  }));
}

function orNull(value: unknown): string | null {
  return value === null ? null : valueText(value);
}
