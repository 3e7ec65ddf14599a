import { describe, expect, test } from 'vitest';
import { tableFilter } from '../../../src/config/table-filter.js';
import { isStatementDeliverable, rememberingFilter } from '../../../src/matching/deliverable.js';

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
  ])('%s', (_name, statement, filter, expected) => {
    expect(isStatementDeliverable(statement, filter)).toBe(expected);
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
