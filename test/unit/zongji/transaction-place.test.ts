import { describe, expect, test } from 'vitest';
import { PositionTracker } from '../../../src/dump/position-tracker.js';
import { TransactionPlace } from '../../../src/zongji/transaction-place.js';
import { event, queryEvent, rotateEvent, rowsEvent, tableMapEvent, uint } from '../binlog/event-bytes.js';

const begin = (sequence: number, flags = 0x0c): Buffer =>
  event({ type: 162 }, Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(flags), Buffer.alloc(6)]));
const standalone = (sequence: number): Buffer => begin(sequence, 0x01);
const mysqlGtid = (number: number): Buffer =>
  event(
    { type: 33 },
    Buffer.concat([Buffer.alloc(1), Buffer.alloc(16, 0xab), uint(number, 8), Buffer.alloc(36)]),
  );
const rows = [tableMapEvent(5, 'shop', 't'), rowsEvent(23, 5, Buffer.from('x'))];
const xid = event({ type: 16 }, uint(1, 8));
const prepare = event({ type: 38 }, Buffer.from('00010000000200000000000000' + '7231', 'hex'));
const sql = queryEvent;
const uuid = 'abababab-abab-abab-abab-abababababab';

/** For each event: its GTID, what is over, and how many events stand before the place to begin again. */
function follow(...events: readonly Buffer[]): readonly (readonly [string, string, number])[] {
  const start = { file: 'bin.000001', position: 4 };
  const position = new PositionTracker(start);
  const place = new TransactionPlace(start);
  const ends = [`bin.000001:4`];
  return events.map((bytes) => {
    position.advance(bytes, 0, bytes.length);
    ends.push(`${position.place.file}:${position.place.end}`);
    place.event(bytes, 0, bytes.length, position.place);
    const { file, position: at } = place.resume;
    return [place.gtid ?? '-', place.committed ?? '-', ends.lastIndexOf(`${file}:${at}`)] as const;
  });
}

describe('MariaDB', () => {
  test('a transaction, and a statement alone', () => {
    expect(follow(begin(1), ...rows, xid, standalone(2), sql('CREATE TABLE t (a INT)'), begin(3))).toEqual([
      ['0-1-1', '-', 0],
      ['0-1-1', '-', 0],
      ['0-1-1', '-', 0],
      ['0-1-1', '0-1-1', 4],
      ['0-1-2', '-', 4],
      ['0-1-2', '0-1-2', 6],
      ['0-1-3', '-', 6],
    ]);
  });

  test('savepoints and statements inside a transaction end nothing; COMMIT and ROLLBACK do', () => {
    const inside = [sql('SAVEPOINT `a`'), sql('INSERT INTO t VALUES (1)'), sql('ROLLBACK TO `a`')];
    expect(
      follow(begin(1), ...inside, sql('COMMIT'), begin(2), sql('ROLLBACK')).map(([, over, at]) => [over, at]),
    ).toEqual([...[1, 2, 3, 4].map(() => ['-', 0]), ['0-1-1', 5], ['-', 5], ['0-1-2', 7]]);
  });

  test('what is prepared is over when the next one begins', () => {
    expect(
      follow(begin(1), ...rows, prepare, standalone(2), sql("XA COMMIT X'72',X'',1")).map(([, over]) => over),
    ).toEqual([...['-', '-', '-', '-', '0-1-1', '0-1-2']]);
  });
});

test('MySQL: BEGIN behind the GTID, or one statement', () => {
  expect(
    follow(mysqlGtid(1), sql('BEGIN'), ...rows, xid, mysqlGtid(2), sql('DROP TABLE t'), mysqlGtid(3)),
  ).toEqual([
    [`${uuid}:1`, '-', 0],
    [`${uuid}:1`, '-', 0],
    [`${uuid}:1`, '-', 0],
    [`${uuid}:1`, '-', 0],
    [`${uuid}:1`, `${uuid}:1`, 5],
    [`${uuid}:2`, '-', 5],
    [`${uuid}:2`, `${uuid}:2`, 7],
    [`${uuid}:3`, '-', 7],
  ]);
});

test('the next file', () => {
  const [, second] = follow(sql('CREATE TABLE t (a INT)'), rotateEvent('bin.000002', 4, { endPosition: 99 }));
  expect(second).toEqual(['-', '-', 2]);
});
