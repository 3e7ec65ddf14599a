import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { ColumnRules } from '../config/column-rules.js';
import type { RowImage } from '../decode/image-values.js';
import { RowDecoder } from '../decode/row-decoder.js';
import { withoutSecrets } from '../decode/statement-secrets.js';
import { fit } from '../layouts/fitting.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import type { Instance } from '../mysql/instance.js';
import type { Vendor } from '../mysql/version.js';
import { readCommitted } from '../transactions/committed-events.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import { WaymarkError } from '../util/errors.js';

/** A change of a transaction that is read again to be shown. */
export type ShownChange =
  | {
      readonly kind: 'row';
      readonly schema: string;
      readonly table: string;
      /** Names of the primary key's columns. Empty if there is none, or it isn't known. */
      readonly key: readonly string[];
      /** Null for an insert. */
      readonly before: RowImage | null;
      /** Null for a delete. */
      readonly after: RowImage | null;
    }
  | {
      readonly kind: 'statement';
      readonly schema: string;
      /** Without passwords. Null if it may name a column that is kept out. */
      readonly sql: string | null;
    };

/** Where a transaction is read again, and how its rows are shown. */
export type ContentOptions = {
  readonly instance: Instance;
  readonly vendor: Vendor;
  /** Of the stream, which is at this place or a little further. */
  readonly layouts: ProvedLayouts;
  readonly columns: ColumnRules | null;
};

/** A larger transaction isn't shown. It would have to be held twice. */
const mostChanges = 10_000;

/**
 * Reads the transaction that begins at a place of a server's log, and decodes it. Columns whose names neither the log
 * nor the stream's layouts tell are numbered (`@1`).
 * @throws WaymarkError `unsupported-event` if it is too large, or can't be decoded. What readCommitted throws.
 */
export async function readContent(
  start: Coordinates,
  { instance, vendor, layouts, columns }: ContentOptions,
  signal: AbortSignal,
): Promise<readonly ShownChange[]> {
  const changes: ShownChange[] = [];
  const decoder = new RowDecoder(vendor, true, columns);
  const state = { hasEnded: false };
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
      const { key } = decoder.reader(event.tableId);
      for (const row of decoder.rows(event, buffer)) {
        const before = row.operation === 'insert' ? null : row.before;
        const after = row.operation === 'delete' ? null : row.after;
        add({ kind: 'row', schema, table, key, before, after });
      }
    },
    statement: (_open, { schema, sql }) => {
      add({
        kind: 'statement',
        schema,
        sql: columns?.withholds(sql) === true ? null : withoutSecrets(sql).sql,
      });
    },
    end: () => {
      state.hasEnded = true;
    },
  });
  for await (const batch of readCommitted({ instance, start, signal, nonBlocking: true, whole: true })) {
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
    `The transaction at ${formatCoordinates(start)} has more than ${mostChanges} changes`,
  );
}
