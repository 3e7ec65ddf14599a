import { describe, expect, test } from 'vitest';
import { readRowsEvent } from '../../../src/binlog/rows-event.js';
import { ExactNumber } from '../../../src/decode/exact-number.js';
import { RowReader } from '../../../src/decode/row-reader.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { RecordWriter } from '../../../src/records/record-writer.js';
import { event, uint } from '../binlog/event-bytes.js';
import { field, tableMap } from '../decode/table-maps.js';
import { ordersEvent, ordersReader } from './lines.js';

const head = {
  byGtid: false,
  ...{ hint: '6B01F8DB:0000000000000006:317ACA46', sequence: 12, gtid: '0-1-7', xid: null },
  ...{ committed: null, connection: null },
};
const place = { second: 1000, file: 'mysql-bin.000018', position: 4711, query: null };
const from = { row: 0, passOver: 0 };
const reader = ordersReader();

function begun(changed: Partial<typeof head> = {}): RecordWriter {
  const writer = new RecordWriter({ server: 'db1:3306', serverId: 1 });
  writer.begin({ ...head, ...changed });
  return writer;
}

const line = (row: number, members: string, marks = ''): string =>
  `{"id":"${head.hint}/12/${row}",${members},"ts":"1970-01-01T00:16:40.000Z",` +
  `"tx":{"hint":"${head.hint}","seq":12,"row":${row},"gtid":"0-1-7"${marks}},` +
  '"source":{"server":"db1:3306","serverId":1,"file":"mysql-bin.000018","position":4711}}\n';
const row = (op: string, images: string): string =>
  `"type":"row","op":"${op}","schema":"shop","table":"orders",${images}`;

describe('lines', () => {
  test('of rows, of a statement, of an outcome, and the marks of the last one', () => {
    const writer = begun();
    const { event: inserted, buffer } = ordersEvent('insert', [7, 8, 9]);
    expect(writer.rows(reader, inserted, buffer, place, from)).toBe(3);
    const updated = ordersEvent('update', [7, 70, 8, 80]);
    expect(writer.rows(reader, updated.event, updated.buffer, place, { row: 3, passOver: 0 })).toBe(2);
    const deleted = ordersEvent('delete', [9]);
    expect(writer.rows(reader, deleted.event, deleted.buffer, place, { row: 5, passOver: 0 })).toBe(1);
    writer.statement(6, { schema: 'shop', sql: 'ALTER TABLE `é` "x"' }, place);
    writer.outcome(7, { outcome: 'commit', xid: "X'61',X'62',1" }, place);
    writer.last({ rows: 8, digest: 0x9fn, second: 999 });
    const batch = writer.take();
    const marks = ',"last":true,"rows":8,"digest":"000000000000009f","second":999';
    expect(batch.lines.toString()).toBe(
      [
        line(0, row('insert', '"after":{"id":7}')),
        line(1, row('insert', '"after":{"id":8}')),
        line(2, row('insert', '"after":{"id":9}')),
        line(3, row('update', '"before":{"id":7},"after":{"id":70}')),
        line(4, row('update', '"before":{"id":8},"after":{"id":80}')),
        line(5, row('delete', '"before":{"id":9}')),
        line(6, '"type":"ddl","schema":"shop","sql":"ALTER TABLE `é` \\"x\\""'),
        line(7, '"type":"xa","outcome":"commit","xid":"X\'61\',X\'62\',1"', marks),
      ].join(''),
    );
    expect(batch).toMatchObject({ count: 8, transactions: 1, lastEnd: batch.lines.length });
    expect(batch.records).toHaveLength(8);
    expect(batch.records[4]).toMatchObject({ op: 'update', before: { id: 8 }, after: { id: 80 } });
  });

  test('numbers of rows may get longer from line to line, and those passed over are left out', () => {
    const writer = begun();
    const { event: inserted, buffer } = ordersEvent(
      'insert',
      Array.from({ length: 1002 }, (_, id) => id),
    );
    expect(writer.rows(reader, inserted, buffer, place, { row: 0, passOver: 8 })).toBe(1002);
    const { records, count } = writer.take();
    expect(count).toBe(994);
    expect(records.map(({ tx }) => tx.row)).toEqual(Array.from({ length: 994 }, (_, index) => index + 8));
    expect(records.map((record) => ('after' in record ? record.after['id'] : null))).toEqual(
      records.map(({ tx }) => tx.row),
    );
  });

  test('no hint, names with quotation marks and beyond ASCII', () => {
    const writer = new RecordWriter({ server: 'db"ä:3306', serverId: 1 });
    writer.begin({ ...head, hint: null, sequence: 1, gtid: null, xid: "X'61',X'',1" });
    const { event: inserted, buffer } = ordersEvent('insert', [1, 2]);
    writer.rows(reader, inserted, buffer, { ...place, file: 'log-é.000001' }, from);
    for (const record of writer.take().records) {
      expect(record).toMatchObject({
        id: `-/1/${record.tx.row}`,
        tx: { hint: null, xa: "X'61',X'',1" },
        source: { server: 'db"ä:3306', file: 'log-é.000001' },
      });
    }
  });

  test('commit time, session, statement and key, where they are known', () => {
    const map = tableMap(
      [
        { type: 3, name: 'id' },
        { type: 3, name: 'part' },
      ],
      { fields: [field(8, Buffer.of(1, 0))] },
    );
    const keyed = new RowReader(readTableLayout(map, 0, map.length, 'mysql'));
    const images = Buffer.concat([Buffer.of(0xfc), uint(1, 4), uint(2, 4)]);
    const bytes = event(
      { type: 30 },
      Buffer.concat([uint(7, 6), uint(1, 2), uint(2, 2), Buffer.of(2, 0xff), images]),
    );
    const writer = begun();
    writer.begin({ ...head, committed: 1_763_755_800_123_456, connection: 42 });
    writer.rows(keyed, readRowsEvent(bytes, 0, bytes.length), bytes, { ...place, query: 'INSERT "é"' }, from);
    expect(writer.take().records[0]).toMatchObject({
      key: ['part', 'id'],
      after: { id: 1, part: 2 },
      query: 'INSERT "é"',
      tx: { committed: 1_763_755_800_123_456, connection: 42 },
    });
  });

  test('digits that JSON.parse would lose are there in the values, too', () => {
    const map = tableMap([{ type: 245, metadata: Buffer.of(4), name: 'j' }]);
    const json = new RowReader(readTableLayout(map, 0, map.length, 'mysql'));
    // 18446744073709551615, as MySQL's binary JSON has it: type 0x0a, eight bytes.
    const value = Buffer.concat([Buffer.of(0x0a), Buffer.alloc(8, 0xff)]);
    const images = Buffer.concat([Buffer.of(0xfe), uint(value.length, 4), value]);
    const bytes = event(
      { type: 30 },
      Buffer.concat([uint(7, 6), uint(1, 2), uint(2, 2), Buffer.of(1, 0xff), images]),
    );
    const writer = begun();
    writer.rows(json, readRowsEvent(bytes, 0, bytes.length), bytes, place, from);
    const { lines, records } = writer.take();
    expect(lines.toString()).toContain('"after":{"j":18446744073709551615}');
    expect(records[0]).toMatchObject({ after: { j: new ExactNumber('18446744073709551615') } });
  });
});

describe('batches', () => {
  test('what is kept back stays for the next one, and can be completed there', () => {
    const writer = begun();
    const { event: inserted, buffer } = ordersEvent('insert', [1, 2]);
    writer.keep();
    writer.rows(reader, inserted, buffer, place, from);
    writer.keep();
    const more = ordersEvent('insert', [3, 4]);
    writer.rows(reader, more.event, more.buffer, place, { row: 2, passOver: 0 });
    expect(writer.keptCount).toBe(2);
    const first = writer.take();
    expect(first).toMatchObject({ count: 2, transactions: 0, lastEnd: 0 });
    expect(first.records.map(({ tx }) => tx.row)).toEqual([0, 1]);
    expect(writer.take().count).toBe(0);
    writer.last({ rows: 4, digest: 1n, second: null });
    writer.free();
    const second = writer.take();
    expect(second).toMatchObject({ count: 2, transactions: 1, lastEnd: second.lines.length });
    expect(second.records.map(({ tx }) => [tx.row, tx.last ?? false])).toEqual([
      [2, false],
      [3, true],
    ]);
  });

  test('a batch stays as it is while the next one is written', () => {
    const writer = begun();
    const { event: inserted, buffer } = ordersEvent('insert', [1]);
    writer.rows(reader, inserted, buffer, place, from);
    const first = writer.take();
    const before = first.lines.toString();
    writer.rows(reader, inserted, buffer, place, from);
    expect(first.lines.toString()).toBe(before);
  });

  test('an event that can not be read leaves nothing behind', () => {
    const writer = begun();
    const good = ordersEvent('insert', [1]);
    writer.rows(reader, good.event, good.buffer, place, from);
    const { event: broken, buffer } = ordersEvent('insert', [2, 3]);
    const images = broken.images.subarray(0, -1);
    expect(() => writer.rows(reader, { ...broken, images }, buffer, place, { row: 1, passOver: 0 })).toThrow(
      expect.objectContaining({ code: 'unsupported-event' }) as Error,
    );
    const batch = writer.take();
    expect(batch.records.map(({ tx }) => tx.row)).toEqual([0]);
    expect(batch.count).toBe(1);
  });
});
