import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { readRowsEvent } from '../../../src/binlog/rows-event.js';
import { columnRules } from '../../../src/config/column-rules.js';
import { Secret } from '../../../src/config/secret.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { RowReader } from '../../../src/decode/row-reader.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { event, uint } from '../binlog/event-bytes.js';
import { tableMap } from './table-maps.js';

const key = 'what the hashes are made with';
const rules = columnRules({
  exclude: ['shop.orders.pin'],
  hash: { columns: ['shop.orders.mail'], key: new Secret(key) },
});
const columns = [
  { type: 3, name: 'id' },
  { type: 3, name: 'mail' },
  { type: 3, name: 'pin' },
];

function read(nulls: number): string {
  const map = tableMap(columns);
  const values = Buffer.concat([uint(1, 4), ...(nulls === 0 ? [uint(77, 4)] : []), uint(99, 4)]);
  const rows = event(
    { type: 30 },
    Buffer.concat([uint(7, 6), uint(1, 2), uint(2, 2), Buffer.of(3, 0xff, 0xf8 | nulls), values]),
  );
  const out = new JsonWriter();
  const reader = new RowReader(readTableLayout(map, 0, map.length, 'mysql'), rules);
  reader.read(readRowsEvent(rows, 0, rows.length), rows, out, {
    before: () => undefined,
    between: () => undefined,
    after: () => undefined,
  });
  return out.bytes.toString('utf8', 0, out.at);
}

test('a hash stands for a value, NULL for itself, and what is excluded is not there', () => {
  const digest = createHmac('sha256', key).update('77').digest('base64');
  // INT without a sign in the log: its bytes where the sign would matter, and here it does not.
  expect(JSON.parse(read(0))).toEqual({ id: 1, mail: { $hmac: digest } });
  expect(JSON.parse(read(2))).toEqual({ id: 1, mail: null });
});

test('without names nothing can be kept out: refused', () => {
  const map = tableMap(columns.map(({ type }) => ({ type })));
  expect(() => new RowReader(readTableLayout(map, 0, map.length, 'mysql'), rules)).toThrow(
    expect.objectContaining({ code: 'unsupported-event' }) as Error,
  );
});
