import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { statementOfOutcome } from '../binlog/query-event.js';
import type { ColumnRules } from '../config/column-rules.js';
import type { TableFilter } from '../config/table-filter.js';
import type { RowImage } from '../decode/image-values.js';
import { RowDecoder } from '../decode/row-decoder.js';
import { shownText } from '../decode/statement-secrets.js';
import { fit } from '../layouts/fitting.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import { isStatementDeliverable } from '../matching/deliverable.js';
import type { Instance } from '../mysql/instance.js';
import type { Vendor } from '../mysql/version.js';
import { readCommitted } from '../transactions/committed-events.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import { WaymarkError } from '../util/errors.js';
import { formatBytes } from '../util/quantities.js';

/** A change of a transaction that is read again to be shown. */
export type ShownChange =
  | {
      readonly kind: 'row';
      readonly schema: string;
      readonly table: string;
      /** Names of the primary key's columns. Empty if there is none, or it isn't known. */
      readonly key: readonly string[];
      /** Whether its values may be shown: its table is delivered. */
      readonly isDelivered: boolean;
      /** Whether the names of its columns are known. Else they are numbers. */
      readonly isNamed: boolean;
      /** Null for an insert. */
      readonly before: RowImage | null;
      /** Null for a delete. */
      readonly after: RowImage | null;
    }
  | {
      readonly kind: 'statement';
      readonly schema: string;
      /** Without passwords. Null if it isn't delivered, or may name a column that is kept out. */
      readonly sql: string | null;
    };

/** Where a transaction is read again, and how its rows are shown. */
export type ContentOptions = {
  readonly instance: Instance;
  readonly vendor: Vendor;
  /** Of the stream, which is at this place or a little further. */
  readonly layouts: ProvedLayouts;
  readonly columns: ColumnRules | null;
  readonly filter: TableFilter;
};

/** A larger transaction isn't shown. It would have to be held twice. */
const mostChanges = 10_000;
const mostBytes = 16 * 1024 * 1024;

/**
 * Reads the transaction that begins at a place of a server's log, and decodes it. Columns whose names neither the log
 * nor the stream's layouts tell are numbered (`@1`).
 * @throws WaymarkError `unsupported-event` if it is too large, or can't be decoded. What readCommitted throws.
 */
export async function readContent(
  start: Coordinates,
  { instance, vendor, layouts, columns, filter }: ContentOptions,
  signal: AbortSignal,
): Promise<readonly ShownChange[]> {
  const changes: ShownChange[] = [];
  const decoder = new RowDecoder(vendor, true, columns);
  const state = { hasEnded: false, bytes: 0 };
  const add = (change: ShownChange): void => {
    if (changes.length === mostChanges) throw tooLarge(start);
    changes.push(change);
  };
  const assembler = new TransactionAssembler({
    tableMap: (buffer, from, to) => {
      const undescribed = decoder.tableMap(buffer, from, to);
      if (undescribed === null) return;
      const proved = layouts.of(undescribed.layout);
      const fitting = proved && fit(undescribed.layout, proved.definition);
      undescribed.describe(fitting?.fits === true ? fitting.table : null);
    },
    rows: (_open, event, { schema, table }, buffer) => {
      state.bytes += event.images.length;
      if (state.bytes > mostBytes) throw tooLarge(start);
      const { key, isProved } = decoder.reader(event.tableId);
      const told = { isDelivered: filter.table(schema, table), isNamed: isProved };
      for (const row of decoder.rows(event, buffer)) {
        const before = row.operation === 'insert' ? null : row.before;
        const after = row.operation === 'delete' ? null : row.after;
        add({ kind: 'row', schema, table, key, ...told, before, after });
      }
    },
    statement: (_open, statement) => {
      const { schema, sql } = statement;
      const isShown = isStatementDeliverable(statement, filter) && columns?.withholds(sql) !== true;
      add({ kind: 'statement', schema, sql: isShown ? shownText(statement).sql : null });
    },
    outcome: (_open, outcome) => {
      add({ kind: 'statement', ...statementOfOutcome(outcome) });
    },
    end: () => {
      state.hasEnded = true;
    },
  });
  for await (const batch of readCommitted({ instance, start, signal, nonBlocking: true })) {
    batch.forEach((...event) => {
      if (!state.hasEnded) assembler.event(...event);
    });
    if (state.hasEnded) return changes;
  }
  throw new WaymarkError('coordinates', `No transaction begins at ${formatCoordinates(start)}`);
}

function tooLarge(start: Coordinates): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    `The transaction at ${formatCoordinates(start)} has more than ${mostChanges} changes or ${formatBytes(mostBytes)}`,
  );
}
