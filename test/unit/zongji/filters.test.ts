import { expect, test } from 'vitest';
import { Filters } from '../../../src/zongji/filters.js';

test('without filters nothing is kept back', () => {
  const filters = new Filters({});
  expect(filters.skipsEvent('query')).toBe(false);
  expect(filters.skipsTable('shop', 'orders')).toBe(false);
});

test('what is excluded is, whatever is included', () => {
  const filters = new Filters({
    includeEvents: ['tablemap', 'rotate'],
    excludeEvents: ['rotate'],
    includeSchema: { shop: true, meta: ['a', 'b'] },
    excludeSchema: { shop: ['secrets'], meta: ['b'] },
  });
  const skipped = ['tablemap', 'rotate', 'query'].map((name) => filters.skipsEvent(name));
  expect(skipped).toEqual([false, true, true]);
  const tables = [
    ['shop', 'orders'],
    ['shop', 'secrets'],
    ['meta', 'a'],
    ['meta', 'b'],
    ['meta', 'c'],
    ['other', 'a'],
  ] as const;
  expect(tables.map(([schema, table]) => filters.skipsTable(schema, table))).toEqual([
    ...[false, true, false, true, true, true],
  ]);
});

test('names are looked up as they are', () => {
  const filters = new Filters({ includeSchema: {}, excludeSchema: { shop: true } });
  expect(filters.skipsTable('toString', 'x')).toBe(true);
  expect(new Filters({ excludeSchema: { shop: ['x'] } }).skipsTable('constructor', 'x')).toBe(false);
});
