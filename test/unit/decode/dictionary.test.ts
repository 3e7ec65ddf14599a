import { describe, expect, test } from 'vitest';
import { type DictionaryColumn, misfit, missingIn, withDictionary } from '../../../src/decode/dictionary.js';
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
    expect(withDictionary(layout, today).columns).toMatchObject([
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
      withDictionary(layout, [column('a', 'int(11)'), column('b', 'time(3) /* mariadb-5.3 */')]).columns,
    ).toMatchObject([
      { name: 'a', unsigned: true },
      { name: 'b', fraction: 3 },
    ]);
  });

  test.each([
    ["enum('a','it''s','c\\\\d','','x,y')", ['a', "it's", 'c\\d', '', 'x,y']],
    ["enum('line\\nbreak','tab\t','\\0')", ['line\nbreak', 'tab\t', '\0']],
    // MariaDB's dictionary has a question mark where the character is beyond the Basic Multilingual Plane.
    ["enum('a','?')", ['a', null]],
  ])('labels of %s', (type, labels) => {
    const [found] = withDictionary(layoutOf([{ type: 254, metadata: Buffer.of(247, 1) }]), [
      column('e', type, 'utf8mb4'),
    ]).columns;
    expect(found?.labels?.map((label) => label?.toString() ?? null)).toEqual(labels);
  });
});
