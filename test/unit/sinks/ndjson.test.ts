import { expect, test } from 'vitest';
import { imageValues } from '../../../src/decode/image-values.js';
import { encodeRecords } from '../../../src/sinks/ndjson.js';
import type { ChangeRecord } from '../../../src/sinks/record.js';

test('an image whose numbers JSON.stringify would change stands in the line as it was decoded', () => {
  const before = '{"id":1,"d":-0,"j":{"a":[2.0,1.10,18446744073709551615,"18446744073709551615"]}}';
  const after = '{"id":1,"d":5,"j":null}';
  const record: ChangeRecord = {
    id: '-/1/0',
    type: 'row',
    op: 'update',
    schema: 'shop',
    table: 'orders',
    before: imageValues(Buffer.from(before), true),
    after: imageValues(Buffer.from(after), false),
    ts: '2026-11-21T20:14:53.000Z',
    tx: { hint: null, seq: 1, row: 0, last: true, rows: 1, digest: '00000000000000ff' },
    source: { server: 'db1:3306', serverId: 1, file: 'mysql-bin.000001', position: 4 },
  };
  const [piece] = encodeRecords([record]);
  expect(piece?.bytes.toString('utf8')).toBe(
    `{"id":"-/1/0","type":"row","op":"update","schema":"shop","table":"orders","before":${before},"after":${after},` +
      '"ts":"2026-11-21T20:14:53.000Z",' +
      '"tx":{"hint":null,"seq":1,"row":0,"last":true,"rows":1,"digest":"00000000000000ff"},' +
      '"source":{"server":"db1:3306","serverId":1,"file":"mysql-bin.000001","position":4}}\n',
  );
});
