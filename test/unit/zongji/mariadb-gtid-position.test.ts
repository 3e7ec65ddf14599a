import { expect, test } from 'vitest';
import { MariadbGtidPosition } from '../../../src/zongji/mariadb-gtid-position.js';

test.each([
  ['', ''],
  ['0-1-5', '0-1-5'],
  [' 1-2-3 , 0-1-5 ', '0-1-5,1-2-3'],
  ['0-1-18446744073709551615', '0-1-18446744073709551615'],
])('%s', (text, canonical) => {
  expect(MariadbGtidPosition.parse(text).toString()).toBe(canonical);
});

test.each([
  ...[
    '0-1',
    '0-1-2-3',
    'a-1-2',
    '1e3-1-1',
    '0x10-1-1',
    '0-1-1.0',
    '4294967296-1-1',
    '0-4294967296-1',
    '0-1-5,0-2-6',
  ],
  ...['0-1-18446744073709551616', '0-1-5,', ','],
])('%s is none', (text) => {
  expect(() => MariadbGtidPosition.parse(text)).toThrow(/Invalid GTID/);
});

test('the last transaction of a domain counts, whatever its number', () => {
  const position = MariadbGtidPosition.fromGtidList([
    { domainId: 0, serverId: 1, seqNo: 5 },
    { domainId: 1, serverId: 1, seqNo: '18446744073709551615' },
    { domainId: 0, serverId: 3, seqNo: 4 },
  ]);
  expect(position.toString()).toBe('0-3-4,1-1-18446744073709551615');
  position.add({ domainId: 7, serverId: 1, seqNo: 1 });
  expect(position.toString()).toBe('0-3-4,1-1-18446744073709551615,7-1-1');
});

test('covers what stands at it or before it, on the same server', () => {
  const position = MariadbGtidPosition.parse('0-1-5');
  const covered = ['0-1-4', '0-1-5', '0-1-6', '0-2-4', '1-1-1', null, undefined];
  expect(covered.map((gtid) => position.covers(gtid))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  expect(covered.map((gtid) => position.covers(gtid, { inclusive: false }))).toEqual([
    ...[true, false, false, false, false, false, false],
  ]);
  expect(() => position.covers('x')).toThrow(/Invalid GTID/);
  expect([position.isEmpty(), MariadbGtidPosition.parse('').isEmpty()]).toEqual([false, true]);
});
