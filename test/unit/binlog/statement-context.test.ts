import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoggedStatement } from '../../../src/binlog/query-event.js';
import { ContextReader, type StatementContext } from '../../../src/binlog/statement-context.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { event, listOf, queryEvent, uint } from './event-bytes.js';

const intvar = (type: number, value: bigint): Buffer =>
  event({ type: 5 }, Buffer.concat([Buffer.of(type), uint(value, 8)]));
const rand = (one: bigint, other: bigint): Buffer =>
  event({ type: 13 }, Buffer.concat([uint(one, 8), uint(other, 8)]));
/** As MySQL 9.7 and MariaDB 11.8 write it. */
const userVariable = (name: string, type: number, value: Buffer, flags = Buffer.of(0)): Buffer =>
  event(
    { type: 14 },
    Buffer.concat([
      uint(Buffer.byteLength(name), 4),
      Buffer.from(name),
      Buffer.of(0, type),
      uint(255, 4),
      uint(value.length, 4),
      value,
      flags,
    ]),
  );
const nullVariable = (name: string): Buffer =>
  event({ type: 14 }, Buffer.concat([uint(name.length, 4), Buffer.from(name), Buffer.of(1)]));

function read(...events: Buffer[]): StatementContext | null {
  const reader = new ContextReader();
  for (const bytes of events) expect(reader.event(bytes, 0, bytes.length)).toBe(true);
  return reader.current;
}

describe('the context of a statement', () => {
  test('numbers', () => {
    expect(read(intvar(2, 18_446_744_073_709_551_615n), intvar(1, 7n), rand(5n, 6n))).toEqual({
      variables: [],
      insertId: 18_446_744_073_709_551_615n,
      lastInsertId: 7n,
      rand: [5n, 6n],
    });
  });

  test('user variables of all types, in order', () => {
    const double = Buffer.alloc(8);
    double.writeDoubleLE(-2.5);
    const context = read(
      userVariable('größe', 0, Buffer.from('é')),
      userVariable('real', 1, double),
      userVariable('signed', 2, uint(2n ** 64n - 5n, 8)),
      userVariable('unsigned', 2, uint(2n ** 64n - 5n, 8), Buffer.of(1)),
      userVariable('decimal', 4, Buffer.from('0302813200', 'hex')),
      userVariable('without flags', 2, uint(5, 8), Buffer.alloc(0)),
      nullVariable('null'),
    );
    expect(context?.variables).toEqual([
      { name: 'größe', value: { kind: 'text', collation: 255, bytes: Buffer.from('é') } },
      { name: 'real', value: { kind: 'real', value: -2.5 } },
      { name: 'signed', value: { kind: 'integer', value: -5n } },
      { name: 'unsigned', value: { kind: 'integer', value: 2n ** 64n - 5n } },
      {
        name: 'decimal',
        value: { kind: 'decimal', precision: 3, scale: 2, bytes: Buffer.from('813200', 'hex') },
      },
      { name: 'without flags', value: { kind: 'integer', value: 5n } },
      { name: 'null', value: { kind: 'null' } },
    ]);
  });

  test('what is cut off, and any bytes, are told', () => {
    const whole = userVariable('a', 0, Buffer.from('xyz'), Buffer.alloc(0));
    for (let end = 19; end < whole.length; end += 1) {
      expect(new ContextReader().event(whole.subarray(0, end), 0, end)).toBe(false);
    }
    for (const type of [3, 5]) {
      const bytes = userVariable('a', type, uint(1, 8));
      expect(new ContextReader().event(bytes, 0, bytes.length)).toBe(false);
    }
    fc.assert(
      fc.property(fc.constantFrom(5, 13, 14), fc.uint8Array({ maxLength: 40 }), (type, body) => {
        const bytes = event({ type }, Buffer.from(body));
        expect(new ContextReader().event(bytes, 0, bytes.length)).toBeTypeOf('boolean');
      }),
    );
  });
});

describe('in a transaction', () => {
  function statementsOf(events: readonly Buffer[]): LoggedStatement[] {
    const statements: LoggedStatement[] = [];
    const assembler = new TransactionAssembler({
      statement: (_open, statement) => statements.push(statement),
      end: () => undefined,
    });
    listOf(events).forEach(assembler.event);
    return statements;
  }

  test('it belongs to the next statement alone', () => {
    const statements = statementsOf([
      queryEvent('BEGIN'),
      intvar(2, 5n),
      queryEvent('INSERT INTO t VALUES (NULL)'),
      queryEvent('DELETE FROM t'),
      nullVariable('a'),
      queryEvent('COMMIT'),
      queryEvent('BEGIN'),
      queryEvent('INSERT INTO t VALUES (1)'),
      queryEvent('COMMIT'),
    ]);
    expect(statements.map(({ sql, context }) => [sql, context?.insertId])).toEqual([
      ['INSERT INTO t VALUES (NULL)', 5n],
      ['DELETE FROM t', undefined],
      ['INSERT INTO t VALUES (1)', undefined],
    ]);
  });

  test('one that can not be read stops the stream', () => {
    expect(() => statementsOf([queryEvent('BEGIN'), event({ type: 14 }, Buffer.of(9, 0, 0, 0, 65))])).toThrow(
      expect.objectContaining({
        code: 'unsupported-event',
        message: expect.stringContaining('USER_VAR_EVENT') as string,
      }),
    );
  });

  test('what a statement means is read from its status variables', () => {
    const variables = (hex: string): Buffer => Buffer.from(hex, 'hex');
    const sessionOf = (statusVariables: Buffer): unknown =>
      statementsOf([queryEvent('DROP TABLE t', { statusVariables })])[0]?.session;
    const quoting = { ansiQuotes: false, noBackslashEscapes: false };
    // MySQL 9.7, MariaDB 11.8 with both modes, MySQL 5.0 with a catalog and AUTO_INCREMENT settings, none.
    expect(
      sessionOf(variables('0000000000012800a04500000000060373746404e000e000ff000c0173686f7000')),
    ).toEqual({ collation: 0xe0, quoting });
    expect(sessionOf(variables('0000000001010400100000000000060373746404080008002d00'))).toEqual({
      collation: 8,
      quoting: { ansiQuotes: true, noBackslashEscapes: true },
    });
    expect(sessionOf(variables('0000000000010400000000000000020373746400030200010004210021000800'))).toEqual({
      collation: 33,
      quoting: { ...quoting, ansiQuotes: true },
    });
    expect(sessionOf(Buffer.alloc(0))).toEqual({ collation: null, quoting });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(sessionOf(Buffer.from(bytes))).toBeDefined();
      }),
    );
  });

  test('bytes that are no UTF-8 are kept, and a replacement character that the statement has itself is not one', () => {
    const bytes = Buffer.from('DROP TABLE `caf\u00e9`', 'latin1');
    const [latin1] = statementsOf([queryEvent(bytes)]);
    expect(latin1).toMatchObject({ sql: 'DROP TABLE `caf\ufffd`', bytes });
    const [own] = statementsOf([queryEvent('DROP TABLE `\ufffd`')]);
    expect(own).not.toHaveProperty('bytes');
  });
});
