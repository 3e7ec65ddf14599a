import type { Coordinates } from '../../src/binlog/coordinates.js';
import { type DictionaryColumn, misfit, missingIn, withDictionary } from '../../src/decode/dictionary.js';
import { imageValues, type RowImage } from '../../src/decode/image-values.js';
import { JsonWriter } from '../../src/decode/json-writer.js';
import { RowReader } from '../../src/decode/row-reader.js';
import { readTableLayout, type TableLayout } from '../../src/decode/table-layout.js';
import type { TestServer } from '../servers/index.js';
import { readTransactions } from '../integration/fixtures/log-reading.js';

/** A row of the log as the decoder gives it: its images as JSON text, and as values. */
export type LoggedRow = {
  readonly table: string;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly before: string | null;
  readonly after: string | null;
  readonly values: readonly RowImage[];
  readonly partial: boolean;
};

/** The tables of a schema as the server's dictionary has them. */
export async function dictionaryOf(
  server: TestServer,
  schema: string,
): Promise<Map<string, DictionaryColumn[]>> {
  const rows = await server.query<{ t: string; name: string; type: string; charset: string | null }>(
    'SELECT TABLE_NAME AS t, COLUMN_NAME AS name, COLUMN_TYPE AS type, CHARACTER_SET_NAME AS charset ' +
      'FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION',
    [schema],
  );
  const tables = new Map<string, DictionaryColumn[]>();
  for (const { t, name, type, charset } of rows) {
    tables.set(t, [...(tables.get(t) ?? []), { name, type, charset }]);
  }
  return tables;
}

/** Every row of the log from a place on. */
export async function loggedRows(
  server: TestServer,
  start: Coordinates,
  dictionary: ReadonlyMap<string, readonly DictionaryColumn[]>,
): Promise<LoggedRow[]> {
  const rows: LoggedRow[] = [];
  const readers = new Map<number, RowReader>();
  const out = new JsonWriter(64);
  await readTransactions(server, start, {
    tableMap: (buffer, eventStart, end) => {
      const layout = readTableLayout(buffer, eventStart, end, server.vendor);
      readers.set(layout.tableId, new RowReader(described(layout, dictionary)));
    },
    rows: (_open, event, _name, buffer) => {
      const { operation } = event;
      const reader = readers.get(event.tableId);
      if (reader === undefined) throw new Error(`no table map for ${event.tableId}`);
      let middle: number | null = null;
      reader.read(event, buffer, out, {
        before: () => {
          out.at = 0;
          out.inexact = false;
          middle = null;
        },
        between: () => {
          middle = out.at;
        },
        after: (partial) => {
          const bytes = [
            out.bytes.subarray(0, middle ?? out.at),
            out.bytes.subarray(middle ?? out.at, out.at),
          ].filter(({ length }) => length > 0);
          const texts = bytes.map((image) => image.toString('utf8'));
          rows.push({
            table: reader.layout.table,
            operation,
            before: operation === 'insert' ? null : (texts[0] ?? null),
            after: operation === 'delete' ? null : (texts[operation === 'update' ? 1 : 0] ?? null),
            values: bytes.map((image) => imageValues(image, out.inexact)),
            partial,
          });
        },
      });
    },
  });
  return rows;
}

function described(
  layout: TableLayout,
  dictionary: ReadonlyMap<string, readonly DictionaryColumn[]>,
): TableLayout {
  const missing = missingIn(layout);
  if (missing === 'nothing' || (missing === 'types' && !dictionary.has(layout.table))) return layout;
  const today = dictionary.get(layout.table) ?? [];
  const problem = misfit(layout, today);
  if (problem !== null) throw new Error(`${layout.table}: ${problem}`);
  return withDictionary(layout, today);
}
