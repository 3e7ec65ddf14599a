import { describe, expect, test } from 'vitest';
import {
  type DictionaryColumn,
  misfit,
  missingIn,
  withDictionary,
} from '../../../src/decode/described-table.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { type ColumnBytes, field, recordedMap, tableMap } from './table-maps.js';

const layoutOf = (
  columns: readonly ColumnBytes[],
  fields: readonly Buffer[] = [],
  vendor: 'mysql' | 'mariadb' = 'mariadb',
) => {
  const bytes = tableMap(columns, { fields });
  return readTableLayout(bytes, 0, bytes.length, vendor);
};

const column = (name: string, type: string, charset: string | null = null): DictionaryColumn => ({
  name,
  type,
  charset,
});

describe('what is missing', () => {
  test('names, where the log has none', () => {
    expect(missingIn(layoutOf([{ type: 3 }]))).toBe('names');
  });

  test('nothing, where the log says it all', () => {
    expect(missingIn(layoutOf([{ type: 3, name: 'id' }]))).toBe('nothing');
    const mysql = recordedMap('mysql');
    expect(missingIn(readTableLayout(mysql, 0, mysql.length, 'mysql'))).toBe('nothing');
  });

  test("types, where MariaDB's log writes several as one", () => {
    const bytes = recordedMap('mariadbTypes');
    expect(missingIn(readTableLayout(bytes, 0, bytes.length, 'mariadb'))).toBe('types');
    expect(missingIn(layoutOf([{ type: 11, name: 'old' }]))).toBe('types');
    // A LONGTEXT, a MEDIUMTEXT in utf8mb4_bin; a LONGTEXT in utf8mb4_general_ci.
    const text = (size: number): ColumnBytes => ({ type: 252, metadata: Buffer.of(size), name: 'j' });
    expect(missingIn(layoutOf([text(4)], [field(2, Buffer.of(46))]))).toBe('types');
    expect(missingIn(layoutOf([text(4)], [field(2, Buffer.of(46))], 'mysql'))).toBe('nothing');
    expect(missingIn(layoutOf([text(3)], [field(2, Buffer.of(46))]))).toBe('nothing');
    expect(missingIn(layoutOf([text(4)], [field(2, Buffer.of(45))]))).toBe('nothing');
    expect(missingIn(layoutOf([{ type: 11, name: 'old' }], [], 'mysql'))).toBe('nothing');
  });
});

describe('a definition that can not be the one of the rows', () => {
  const layout = layoutOf([{ type: 3 }, { type: 15, metadata: Buffer.of(40, 0) }]);

  test.each([
    [[], 'no longer exists'],
    [[column('a', 'int(11)')], '2 columns'],
    [[column('a', 'int(11)'), column('b', 'text', 'utf8mb4')], 'another type'],
    [[column('a', 'bigint(20)'), column('b', 'varchar(10)', 'utf8mb4')], 'another type'],
  ])('%j: %s', (today, reason) => {
    expect(misfit(layout, today)).toContain(reason);
  });

  test('with another name, where the log has names', () => {
    const named = layoutOf([{ type: 3, name: 'a' }]);
    expect(misfit(named, [column('b', 'int(11)')])).toContain('called a in the log, and b today');
  });

  test('one that fits', () => {
    expect(misfit(layout, [column('a', 'int(11)'), column('b', 'varchar(10)', 'utf8mb4')])).toBeNull();
  });
});

describe('completed', () => {
  test('names, signs, character sets', () => {
    const layout = layoutOf([
      { type: 3 },
      { type: 15, metadata: Buffer.of(40, 0) },
      { type: 15, metadata: Buffer.of(4, 0) },
    ]);
    const today = [
      column('a', 'int(10) unsigned'),
      column('b', 'varchar(10)', 'big5'),
      column('c', 'varbinary(4)'),
    ];
    expect(withDictionary(layout, { columns: today, key: ['c', 'a'] }).primaryKey).toEqual([
      { column: 2, prefix: null },
      { column: 0, prefix: null },
    ]);
    expect(withDictionary(layout, { columns: today, key: null }).columns).toMatchObject([
      { name: 'a', unsigned: true },
      { name: 'b', charset: { name: 'big5' } },
      { name: 'c', charset: { name: 'binary' } },
    ]);
  });

  test('what the log says stays', () => {
    const layout = layoutOf(
      [
        { type: 3, name: 'a' },
        { type: 11, name: 'b' },
      ],
      [field(1, Buffer.of(0x80))],
    );
    expect(
      withDictionary(layout, {
        columns: [column('a', 'int(11)'), column('b', 'time(3) /* mariadb-5.3 */')],
        key: ['b'],
      }),
    ).toMatchObject({
      columns: [
        { name: 'a', unsigned: true },
        { name: 'b', fraction: 3 },
      ],
      primaryKey: [],
    });
  });

  test.each([
    ["enum('a','it''s','c\\\\d','','x,y')", ['a', "it's", 'c\\d', '', 'x,y']],
    ["enum('line\\nbreak','tab\t','\\0')", ['line\nbreak', 'tab\t', '\0']],
    // MariaDB's dictionary has a question mark where the character is beyond the Basic Multilingual Plane.
    ["enum('a','?')", ['a', null]],
  ])('labels of %s', (type, labels) => {
    const [found] = withDictionary(layoutOf([{ type: 254, metadata: Buffer.of(247, 1) }]), {
      columns: [column('e', type, 'utf8mb4')],
      key: [],
    }).columns;
    expect(found?.labels?.map((label) => label?.toString() ?? null)).toEqual(labels);
  });
});
