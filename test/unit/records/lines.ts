import { readRowsEvent, type RowsEvent } from '../../../src/binlog/rows-event.js';
import { RowReader } from '../../../src/decode/row-reader.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { event, uint } from '../binlog/event-bytes.js';
import { tableMap } from '../decode/table-maps.js';

/** The table `shop.orders (id INT)`, as its table map has it. */
export function ordersReader(): RowReader {
  const map = tableMap([{ type: 3, name: 'id' }]);
  return new RowReader(readTableLayout(map, 0, map.length, 'mysql'));
}

const types = { insert: 30, update: 31, delete: 32 } as const;

/** A row event of {@link ordersReader}'s table; of an update two numbers make a row. */
export function ordersEvent(
  operation: 'insert' | 'update' | 'delete',
  ids: readonly number[],
): { readonly event: RowsEvent; readonly buffer: Buffer } {
  const bitmaps = Buffer.alloc(operation === 'update' ? 2 : 1, 0xff);
  const images = ids.map((id) => Buffer.concat([Buffer.of(0xfe), uint(id, 4)]));
  const buffer = event(
    { type: types[operation] },
    Buffer.concat([uint(7, 6), uint(1, 2), uint(2, 2), Buffer.of(1), bitmaps, ...images]),
  );
  return { event: readRowsEvent(buffer, 0, buffer.length), buffer };
}
