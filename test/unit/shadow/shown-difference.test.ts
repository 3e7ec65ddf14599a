import { describe, expect, test } from 'vitest';
import { ReportLimit } from '../../../src/shadow/difference-report.js';
import { firstDifference } from '../../../src/shadow/shown-difference.js';
import type { ShownChange } from '../../../src/shadow/transaction-content.js';

function update(id: number, before: object, after: object): ShownChange {
  const image = (values: object) => ({ id, ...values });
  return {
    ...{ kind: 'row', schema: 'shop', table: 'orders', key: ['id'], isDelivered: true, isNamed: true },
    ...{ before: image(before), after: image(after) },
  };
}

describe('the first change that differs', () => {
  test('shows the row’s key and the columns that differ in either image', () => {
    const one = [
      update(1, { a: 1 }, { a: 2 }),
      update(2, { a: 1, b: 'x', c: null }, { a: 2, b: 'x', c: null }),
    ];
    const other = [
      update(1, { a: 1 }, { a: 2 }),
      update(2, { a: 9, b: 'x', c: null }, { a: 2, b: 'x', c: 3 }),
    ];
    expect(firstDifference(one, other)).toEqual({
      ...{ table: 'shop.orders', key: { id: 2 }, columns: ['a', 'c'], statement: null, row: 1 },
    });
  });

  test('is one that only one of them has', () => {
    const [first, second] = [update(1, {}, {}), update(2, {}, {})];
    const shown = { table: 'shop.orders', key: { id: 2 }, columns: [], statement: null, row: 1 };
    expect(firstDifference([first, second], [first])).toEqual(shown);
    expect(firstDifference([first], [first, second])).toEqual(shown);
    expect(firstDifference([second], null)).toEqual({ ...shown, row: 0 });
    expect(firstDifference(null, [second])).toEqual({ ...shown, row: 0 });
  });

  test('has no key if the table has none, and no columns if the tables differ', () => {
    const keyless: ShownChange = {
      ...{ kind: 'row', schema: 'shop', table: 'log', key: [], isDelivered: true, isNamed: true },
      ...{ before: null, after: {} },
    };
    expect(firstDifference([keyless], [update(1, {}, {})])).toEqual({
      ...{ table: 'shop.log', key: null, columns: [], statement: null, row: 0 },
    });
  });

  test('can be a statement, which is cut to a length that a log can bear', () => {
    const statement = (sql: string | null): ShownChange => ({ kind: 'statement', schema: 'shop', sql });
    const shown = firstDifference([statement('CREATE TABLE a')], [statement('x'.repeat(1000))]);
    expect(shown).toEqual({ table: null, key: null, columns: [], statement: 'CREATE TABLE a', row: 0 });
    expect(firstDifference(null, [statement('x'.repeat(1000))])?.statement).toHaveLength(200);
    expect(firstDifference(null, [statement(null)])?.statement).toBeNull();
  });

  test('is found by values where one of the logs lacks the names', () => {
    const numbered: ShownChange = {
      ...{ kind: 'row', schema: 'shop', table: 'orders', key: [], isDelivered: true, isNamed: false },
      ...{ before: { '@1': 2, '@2': 1 }, after: { '@1': 2, '@2': 5 } },
    };
    const named = update(2, { a: 1 }, { a: 2 });
    const shown = { table: 'shop.orders', key: { id: 2 }, columns: ['a'], statement: null, row: 0 };
    expect(firstDifference([named], [numbered])).toEqual(shown);
    expect(firstDifference([numbered], [named])).toEqual(shown);
    expect(firstDifference([update(2, { a: 1 }, { a: 5 })], [numbered])).toBeNull();
  });

  test('shows no values of a table that isn’t delivered', () => {
    const [one, other] = [update(2, { a: 1 }, { a: 2 }), update(2, { a: 1 }, { a: 3 })];
    expect(firstDifference([{ ...one, isDelivered: false } as ShownChange], [other])).toEqual({
      ...{ table: 'shop.orders', key: null, columns: [], statement: null, row: 0 },
    });
  });

  test('is none if records show no difference', () => {
    expect(firstDifference([update(1, { a: 1 }, { a: 2 })], [update(1, { a: 1 }, { a: 2 })])).toBeNull();
  });
});

test('twenty differences are shown in a minute, and the rest is counted', () => {
  const limit = new ReportLimit();
  const taken = Array.from({ length: 25 }, (_, index) => limit.take(1000 + index));
  expect(taken).toEqual([...Array.from({ length: 20 }, () => 0), ...Array.from({ length: 5 }, () => null)]);
  expect(limit.take(60_999)).toBeNull();
  expect(limit.take(61_000)).toBe(6);
  expect(limit.take(61_001)).toBe(0);
});
