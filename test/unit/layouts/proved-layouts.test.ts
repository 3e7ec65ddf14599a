import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectOf } from '../../../src/layouts/ddl-statement.js';
import { ProvedLayouts } from '../../../src/layouts/proved-layouts.js';

const carryOut = (layouts: ProvedLayouts, sql: string, isOwn = true): boolean =>
  layouts.statement(effectOf({ schema: 'shop', sql }, 'mysql'), isOwn);

const namesOf = (layouts: ProvedLayouts, table: string): string[] | null =>
  layouts.of({ schema: 'shop', table })?.definition.columns.map(({ name }) => name) ?? null;

/** All that is known, to compare. */
const knownOf = (layouts: ProvedLayouts): unknown => [
  layouts.version,
  [...layouts.tables].toSorted(([one], [other]) => (one < other ? -1 : 1)),
  [...layouts.schemas].toSorted(),
];

const column = (name: string) => ({ name, type: 'int', charset: null });

describe('statements', () => {
  test('what changes nothing has no version', () => {
    const layouts = new ProvedLayouts();
    expect(carryOut(layouts, 'INSERT INTO t VALUES (1)')).toBe(false);
    expect(carryOut(layouts, 'ALTER TABLE t ADD KEY (a)')).toBe(false);
    expect(layouts.version).toBe(0);
    expect(carryOut(layouts, 'CREATE TABLE t (a INT)')).toBe(true);
    expect(layouts.version).toBe(1);
  });

  test('what is of one server alone makes a table unproved', () => {
    const layouts = new ProvedLayouts();
    carryOut(layouts, 'CREATE TABLE t (a INT)');
    carryOut(layouts, 'ALTER TABLE t ADD b INT', false);
    expect(namesOf(layouts, 't')).toBeNull();
  });

  test('a look-up that agrees is the last word', () => {
    const layouts = new ProvedLayouts();
    carryOut(layouts, 'CREATE TABLE t (a INT)');
    expect(layouts.of({ schema: 'shop', table: 't' })?.carried).toBe(true);
    layouts.keep(
      { schema: 'shop', table: 't' },
      { columns: [column('a')], defaultCharset: 'latin1', key: [] },
    );
    expect(layouts.of({ schema: 'shop', table: 't' })?.carried).toBe(false);
    carryOut(layouts, 'ALTER TABLE t ADD b TEXT');
    expect(layouts.of({ schema: 'shop', table: 't' })).toMatchObject({
      carried: true,
      definition: { columns: [{ name: 'a' }, { name: 'b', charset: 'latin1' }] },
    });
  });
});

const statements = [
  'CREATE TABLE t (a INT, b TEXT)',
  'CREATE TABLE u (c INT, d TEXT) CHARACTER SET latin1',
  'CREATE TABLE v LIKE t',
  'ALTER TABLE t RENAME COLUMN a TO x, RENAME COLUMN b TO a',
  'ALTER TABLE u ADD e TEXT',
  'ALTER TABLE t SOMETHING NEW',
  'RENAME TABLE t TO w, u TO t, w TO u',
  'DROP TABLE u',
  'DROP DATABASE shop',
  'CREATE DATABASE shop CHARACTER SET utf8mb4',
  'ALTER DATABASE shop CHARACTER SET latin2',
  'FROBNICATE',
];

describe('taking back', () => {
  test('gives what was known at any version before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...statements), { maxLength: 12 }), (list) => {
        const layouts = new ProvedLayouts();
        const before = new Map<number, unknown>();
        before.set(0, knownOf(layouts));
        for (const sql of list) {
          carryOut(layouts, sql);
          before.set(layouts.version, knownOf(layouts));
        }
        for (let version = layouts.version; version >= 0; version -= 1) {
          expect(layouts.rewind(version)).toBe(true);
          expect(knownOf(layouts)).toEqual(before.get(version));
        }
      }),
    );
  });

  test('does not hand a look-up back over a statement that may have changed the table', () => {
    for (const sql of [
      'ALTER TABLE t ADD x INT',
      'FROBNICATE',
      'DROP DATABASE shop',
      'CREATE TABLE t (a INT)',
    ]) {
      const layouts = new ProvedLayouts();
      carryOut(layouts, sql);
      layouts.keep(
        { schema: 'shop', table: 't' },
        { columns: [column('a')], defaultCharset: 'latin1', key: [] },
      );
      layouts.rewind(0);
      expect(namesOf(layouts, 't'), sql).toBeNull();
    }
    const layouts = new ProvedLayouts();
    carryOut(layouts, 'ALTER TABLE other ADD x INT');
    layouts.keep(
      { schema: 'shop', table: 't' },
      { columns: [column('a')], defaultCharset: 'latin1', key: [] },
    );
    layouts.rewind(0);
    expect(namesOf(layouts, 't')).toEqual(['a']);
  });

  test('knows nothing where the way back is gone', () => {
    const layouts = new ProvedLayouts();
    for (const sql of ['CREATE TABLE t (a INT)', 'CREATE TABLE u (a INT)', 'CREATE TABLE v (a INT)']) {
      carryOut(layouts, sql);
    }
    layouts.settle(2);
    expect(layouts.rewind(2)).toBe(true);
    expect(namesOf(layouts, 'u')).toEqual(['a']);
    expect(layouts.rewind(1)).toBe(false);
    expect(layouts.version).toBe(1);
    expect(layouts.isEmpty).toBe(true);
    expect(layouts.rewind(9)).toBe(false);
    expect(layouts.version).toBe(9);
  });
});
