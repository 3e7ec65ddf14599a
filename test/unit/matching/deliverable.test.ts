import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tableFilter } from '../../../src/config/table-filter.js';
import { isStatementDeliverable, rememberingFilter } from '../../../src/matching/deliverable.js';
import { largeTexts, millisecondsFor } from '../support/large-texts.js';

const shop = tableFilter({ include: ['shop.*'], exclude: [] });
const orders = tableFilter({ include: ['shop.orders'], exclude: [] });
const everything = tableFilter({ include: ['*.*'], exclude: [] });
const notLog = tableFilter({ include: ['*.*'], exclude: ['log.*'] });

describe('statements', () => {
  test.each([
    ['in a schema that is delivered', { schema: 'shop', sql: 'CREATE TABLE t (a INT)' }, shop, true],
    ['in another', { schema: 'other', sql: 'CREATE TABLE t (a INT)' }, shop, false],
    ['naming a table that is', { schema: 'other', sql: 'ALTER TABLE shop.orders ADD b INT' }, shop, true],
    ['naming it in quotes', { schema: '', sql: 'DROP TABLE `other`.`x`, `shop` . `orders`' }, shop, true],
    ['naming another', { schema: 'other', sql: 'DROP TABLE other.orders' }, shop, false],
    ['in the schema of the one table', { schema: 'shop', sql: 'DROP TABLE x' }, orders, true],
    ['naming a table beside it', { schema: 'other', sql: 'DROP TABLE shop.items' }, orders, false],
    ['making a database', { schema: '', sql: 'CREATE DATABASE IF NOT EXISTS shop' }, shop, true],
    ['dropping a schema', { schema: '', sql: 'drop schema `shop`' }, shop, true],
    ['dropping another', { schema: '', sql: 'DROP DATABASE other' }, shop, false],
    ['about no schema', { schema: '', sql: 'CREATE USER u' }, shop, false],
    ['about no schema, and all is wanted', { schema: '', sql: 'CREATE USER u' }, everything, true],
    ['in a schema that is excluded', { schema: 'log', sql: 'CREATE TABLE t (a INT)' }, notLog, false],
    ['naming a table that is excluded', { schema: 'log', sql: 'DROP TABLE log.t' }, notLog, false],
    [
      'naming it in double quotes (ANSI_QUOTES)',
      { schema: '', sql: 'DROP TABLE "shop"."orders"' },
      shop,
      true,
    ],
    [
      'naming it behind a string that ends in a backslash',
      { schema: '', sql: "ALTER TABLE x.y COMMENT '\\', RENAME shop.a" },
      shop,
      true,
    ],
    [
      'making a database between comments',
      { schema: '', sql: '/*!40000 CREATE */ /* a */ DATABASE shop' },
      shop,
      true,
    ],
    [
      'making a database behind a long comment',
      { schema: '', sql: `/* ${'x'.repeat(9999)} */ CREATE DATABASE shop` },
      shop,
      true,
    ],
  ])('%s', (_name, statement, filter, expected) => {
    expect(isStatementDeliverable(statement, filter)).toBe(expected);
  });
});

describe('names that are not of plain letters', () => {
  const filter = tableFilter({ include: ['größe.maß', 'a`b.c d', 'x.y'], exclude: [] });
  const named = (sql: string): boolean => isStatementDeliverable({ schema: '', sql }, filter);

  test.each([
    'DROP TABLE größe.maß',
    'DROP TABLE `größe`.maß',
    'DROP TABLE `x`.`y`',
    'DROP TABLE `z`.`y`, `x`.`y`',
    'DROP TABLE x\n . \t`y`',
    'SELECT x.y.z',
  ])('%s', (sql) => {
    expect(named(sql)).toBe(true);
  });

  test.each([
    'DROP TABLE sgröße.maß',
    'DROP TABLE `x `.`y`',
    'DROP TABLE `x``.`y`',
    'x..y',
    '.',
    'x.',
    '.y',
    '`.`.`y',
  ])('not in %s', (sql) => {
    expect(named(sql)).toBe(false);
  });

  test('with doubled quotation marks', () => {
    const quoted = tableFilter({ include: ['a`b.*'], exclude: [] });
    expect(isStatementDeliverable({ schema: '', sql: 'DROP TABLE `a``b`.`t`' }, quoted)).toBe(true);
    expect(isStatementDeliverable({ schema: '', sql: 'DROP TABLE `b`.`t`' }, quoted)).toBe(false);
  });
});

describe('against a regular expression that takes too long on large texts', () => {
  const qualifiedName = /(?:`([^`]+)`|([\w$]+))\s*\.\s*(?:`([^`]+)`|([\w$]+))/g;
  const slowly = (sql: string): boolean =>
    [...sql.matchAll(qualifiedName)].some((match) =>
      orders.table(match[1] ?? match[2] ?? '', match[3] ?? match[4] ?? ''),
    );

  test('what it finds is found', () => {
    const words = fc.constantFrom(
      'shop',
      'orders',
      '`shop`',
      '`orders`',
      '.',
      ' . ',
      ' ',
      ',',
      "'",
      '`',
      '(',
      '/*',
      '1.5',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        const sql = parts.join('');
        // Two quotation marks in a row are one name's, which it doesn't know.
        if (!sql.includes('``') && slowly(sql))
          expect(isStatementDeliverable({ schema: '', sql }, orders)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test.each(largeTexts(4))('4 MiB of %s', (_name, sql) => {
    expect(millisecondsFor(() => isStatementDeliverable({ schema: 'other', sql }, orders))).toBeLessThan(
      3000,
    );
  });

  test('a statement with more dots than are looked at is delivered', () => {
    const sql = `INSERT INTO other.t VALUES ${'(1.5),'.repeat(30_000)}`;
    expect(isStatementDeliverable({ schema: 'other', sql: sql.slice(0, 1000) }, orders)).toBe(false);
    expect(isStatementDeliverable({ schema: 'other', sql }, orders)).toBe(true);
  });
});

test('a filter that remembers gives the same answers, and asks once', () => {
  const asked: string[] = [];
  const filter = rememberingFilter({
    schema: shop.schema.bind(shop),
    table: (schema, table) => {
      asked.push(`${schema}.${table}`);
      return shop.table(schema, table);
    },
  });
  for (let round = 0; round < 3; round += 1) {
    expect(filter.table('shop', 'a')).toBe(true);
    expect(filter.table('other', 'a')).toBe(false);
    expect(filter.schema('shop')).toBe(true);
  }
  expect(asked).toEqual(['shop.a', 'other.a']);
});

test('and does not grow without end', () => {
  let asked = 0;
  const filter = rememberingFilter({
    schema: () => true,
    table: () => {
      asked += 1;
      return true;
    },
  });
  for (let table = 0; table < 10_001; table += 1) filter.table('shop', `t${table}`);
  filter.table('shop', 't10000');
  expect(asked).toBe(10_001);
  filter.table('shop', 't0');
  expect(asked).toBe(10_002);
});
