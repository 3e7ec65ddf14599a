import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { columnRules, isColumnPattern } from '../../../src/config/column-rules.js';
import { parseDuration } from '../../../src/config/duration.js';
import { nearest } from '../../../src/config/spelling.js';
import { Secret } from '../../../src/config/secret.js';
import { isTablePattern, tableFilter } from '../../../src/config/table-filter.js';
import { hasCode } from '../../../src/util/errors.js';

describe('parseDuration', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['0s', 0],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(['30', '', 's', '-1s', '1d', '1 s', '1e3s', '0x10s', '9999999h'])('refuses "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow(`"${text}"`);
  });

  test('gives what a timer can wait for, or a usage error', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{0,14}\.?\d{0,7}(ms|s|m|h|d)?$/), (input) => {
        try {
          const milliseconds = parseDuration(input);
          expect(Number.isInteger(milliseconds)).toBe(true);
          expect(milliseconds).toBeLessThan(2 ** 31);
        } catch (error) {
          expect(hasCode(error, 'usage')).toBe(true);
        }
      }),
    );
  });
});

describe('nearest', () => {
  const known = ['checkpoint', 'servers', 'sink', 'start', 'stream'];

  test.each([
    ['checkpont', 'checkpoint'],
    ['Checkpoint', 'checkpoint'],
    ['chekcpoint', 'checkpoint'],
    ['server', 'servers'],
    ['snik', 'sink'],
    ['kafka', null],
    ['s', null],
    ['', null],
  ])('"%s" is meant as %s', (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });

  test('finds every word with one letter dropped', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), (word, at) => {
        const index = at % word.length;
        expect(nearest(word.slice(0, index) + word.slice(index + 1), known)).toBe(word);
      }),
    );
  });
});

describe('Secret', () => {
  test('prints nowhere, and can be had', () => {
    const secret = new Secret('hunter2');
    const printed = [
      String(secret),
      `a ${secret.toString()}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: null, showHidden: true }),
      Object.entries(secret).join(),
    ];
    expect(printed.join()).not.toContain('hunter2');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('tableFilter', () => {
  test.each(['user', 'global_priv', 'db', 'tables_priv', 'servers', 'slave_master_info', 'proc'])(
    'mysql.%s is included by its name alone',
    (table) => {
      for (const pattern of ['*.*', 'mysql.*', `*.${table}`, `mysql.${table.slice(0, -1)}*`]) {
        const filter = tableFilter({ include: [pattern], exclude: [] });
        expect(filter.table('mysql', table), pattern).toBe(false);
        expect(filter.table('shop', table)).toBe(pattern.startsWith('*'));
      }
      const include = ['*.*', `mysql.${table}`];
      expect(tableFilter({ include, exclude: [] }).table('mysql', table)).toBe(true);
      expect(tableFilter({ include, exclude: ['mysql.*'] }).table('mysql', table)).toBe(false);
      expect(tableFilter({ include, exclude: [] }).table('mysql', 'time_zone')).toBe(true);
    },
  );

  test('includes, then excludes', () => {
    const filter = tableFilter({ include: ['shop.*', '*.audit_*'], exclude: ['shop.tmp*', 'test_*.*'] });
    expect(filter.table('shop', 'orders')).toBe(true);
    expect(filter.table('shop', 'tmp1')).toBe(false);
    expect(filter.table('Shop', 'orders')).toBe(false);
    expect(filter.table('crm', 'audit_log')).toBe(true);
    expect(filter.table('crm', 'people')).toBe(false);
    expect(filter.table('test_1', 'audit_log')).toBe(false);
    expect(filter.schema('shop')).toBe(true);
    expect(filter.schema('crm')).toBe(true);
    expect(filter.schema('test_1')).toBe(false);
  });

  test('only * is special', () => {
    const filter = tableFilter({ include: ['s+.t(1)?'], exclude: [] });
    expect(filter.table('s+', 't(1)?')).toBe(true);
    expect(filter.table('ss', 't1')).toBe(false);
  });

  test('a name matches itself and every pattern made of it by replacing a part with *', () => {
    const name = fc.stringMatching(/^[^.\s*]{1,20}$/u);
    fc.assert(
      fc.property(name, name, fc.nat(), fc.nat(), (schema, table, from, to) => {
        const characters = Array.from(table);
        const start = from % characters.length;
        const end = start + (to % (characters.length - start + 1));
        const pattern = `${schema}.${characters.slice(0, start).join('')}*${characters.slice(end).join('')}`;
        expect(isTablePattern(pattern)).toBe(true);
        expect(tableFilter({ include: [pattern], exclude: [] }).table(schema, table)).toBe(true);
        expect(tableFilter({ include: [`${schema}.${table}`], exclude: [] }).table(schema, table)).toBe(true);
        expect(tableFilter({ include: ['*.*'], exclude: [pattern] }).table(schema, table)).toBe(false);
      }),
    );
  });

  test.each(['shop', 'a.b.c', '.t', 's.', 's. t', ''])('"%s" is no pattern', (text) => {
    expect(isTablePattern(text)).toBe(false);
  });
});

describe('columnRules', () => {
  const rules = columnRules({
    exclude: ['shop.users.password', 'shop.*.secret*'],
    hash: { columns: ['shop.users.*mail'], key: new Secret('a key of the hashes') },
  })!;

  test('says which columns are left out, and which are hashed', () => {
    expect(rules.of('shop', 'users', 'password')).toBe('exclude');
    expect(rules.of('shop', 'users', 'email')).toBe('hash');
    expect(rules.of('shop', 'users', 'name')).toBe('show');
    expect(rules.of('shop', 'orders', 'secret_note')).toBe('exclude');
    expect(rules.of('shop2', 'users', 'password')).toBe('show');
    expect(rules.concerns('shop', 'orders')).toBe(true);
    expect(rules.concerns('crm', 'users')).toBe(false);
  });

  test('statements with such a table in them, however it is quoted', () => {
    const only = columnRules({ exclude: ['shop.users.password'] })!;
    for (const sql of ['ALTER TABLE users ADD x INT', 'DROP TABLE a, `users`', 'DELETE FROM shop."users"']) {
      expect(only.withholds(sql)).toBe(true);
    }
    expect(only.withholds('ALTER TABLE users2 ADD x INT')).toBe(false);
    // Case need not count on the server, and a quotation mark in a string opens nothing.
    expect(only.withholds('UPDATE USERS SET x = 1')).toBe(true);
    expect(only.withholds(`UPDATE t, users SET a = '"', b = 1 WHERE c = '"'`)).toBe(true);
    expect(only.withholds(`UPDATE t SET a = '"' WHERE x IN (SELECT y FROM users) AND c = '"'`)).toBe(true);
    expect(only.withholds('UPDATE t\ufffd SET x = 1')).toBe(true);
    const odd = columnRules({ exclude: ['shop.my-users.password'] })!;
    expect(odd.withholds("UPDATE `my-users` SET a = '\"'")).toBe(true);
    expect(odd.withholds('UPDATE my_users SET a = 1')).toBe(false);
  });

  test('without patterns there are none', () => {
    expect(columnRules({ exclude: [] })).toBeNull();
  });

  test.each(['a', 'a.b', 'a.b.c.d', 'a..c', 'a. b.c'])('"%s" is no pattern', (text) => {
    expect(isColumnPattern(text)).toBe(false);
  });
});
