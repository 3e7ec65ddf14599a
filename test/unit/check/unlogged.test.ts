import { describe, expect, test } from 'vitest';
import { cascadeFindings, generatedColumnFindings, type SeenUnlogged } from '../../../src/check/unlogged.js';
import { type Cascade, logsCascades } from '../../../src/preflight/cascades.js';
import { logsGeneratedColumns } from '../../../src/preflight/generated-columns.js';
import { parseServerVersion } from '../../../src/mysql/version.js';

const everything = { include: ['*.*'], exclude: [] };

function cascade(table: string, rules: readonly string[] = ['ON DELETE CASCADE']): Cascade {
  const [schema = '', name = ''] = table.split('.');
  return { table, schema, name, constraint: `fk_${name}`, refersTo: 'shop.orders', rules };
}

function seen(server: string, cascades: readonly Cascade[]): SeenUnlogged {
  return { server, unlogged: { cascades, seen: true }, tables: [], failure: null };
}

test.each([
  ['10.11.19-MariaDB', '', false],
  ['11.8.9-MariaDB', '', false],
  ['8.4.5', '', false],
  ['9.5.0', '', false],
  ['9.6.0', 'OFF', true],
  ['9.7.4', 'OFF', true],
  ['9.7.4', 'ON', false],
])('%s with innodb_native_foreign_keys "%s" logs what foreign keys change: %s', (version, native, logs) => {
  expect(logsCascades(parseServerVersion(version), native)).toBe(logs);
});

describe('findings', () => {
  test('one for the pool, each table once, in order', () => {
    const items = cascade('shop.items', ['ON DELETE SET NULL', 'ON UPDATE CASCADE']);
    const { findings, notes } = cascadeFindings(
      [seen('db1:3306', [items, cascade('other.notes')]), seen('db2:3306', [cascade('other.notes'), items])],
      everything,
    );
    expect(notes).toEqual([]);
    expect(findings).toEqual([
      {
        server: null,
        severity: 'warning',
        code: 'foreign-key-cascades',
        message:
          'Changes by foreign keys are not in the binary log of db1:3306, db2:3306, so they are not delivered: ' +
          'other.notes (fk_notes on shop.orders, ON DELETE CASCADE); ' +
          'shop.items (fk_items on shop.orders, ON DELETE SET NULL, ON UPDATE CASCADE)',
        fix: expect.stringContaining('docs/limits.md') as string,
        run: 'goes-on',
      },
    ]);
  });

  test('of tables that are delivered alone', () => {
    const filter = { include: ['shop.*'], exclude: ['shop.log'] };
    const servers = [seen('db1:3306', [cascade('other.notes'), cascade('shop.log')])];
    expect(cascadeFindings(servers, filter).findings).toEqual([]);
    const more = [seen('db1:3306', [cascade('other.notes'), cascade('shop.items')])];
    const [finding] = cascadeFindings(more, filter).findings;
    expect(finding?.message).toContain('shop.items');
    expect(finding?.message).not.toContain('other.notes');
  });

  test('ten are named', () => {
    const many = Array.from({ length: 4000 }, (_, index) =>
      cascade(`shop.t${String(index).padStart(4, '0')}`),
    );
    const [finding] = cascadeFindings([seen('db1:3306', many)], everything).findings;
    expect(finding?.message).toContain('shop.t0009');
    expect(finding?.message).not.toContain('shop.t0010');
    expect(finding?.message).toMatch(/; and 3,990 more$/);
  });

  test('none where they are logged', () => {
    expect(
      cascadeFindings([{ server: 'db1:3306', unlogged: null, tables: [], failure: null }], everything),
    ).toEqual({
      findings: [],
      notes: [],
    });
  });
});

test('what could not be looked at is a note', () => {
  const { findings, notes } = cascadeFindings(
    [
      { server: 'db1:3306', unlogged: { cascades: [], seen: false }, tables: [], failure: null },
      { server: 'db2:3306', unlogged: null, tables: [], failure: 'not told within 20 s' },
    ],
    everything,
  );
  expect(findings).toEqual([]);
  expect(notes).toEqual([
    expect.stringMatching(/db1:3306.*GRANT REFERENCES/) as string,
    'the foreign keys and generated columns of db2:3306 could not be read: not told within 20 s',
  ]);
});

describe('generated columns', () => {
  test.each([
    ['10.11.18-MariaDB', true],
    ['11.8.9-MariaDB', false],
    ['9.7.1', true],
  ])('%s logs them with every row: %s', (version, logs) => {
    expect(logsGeneratedColumns(parseServerVersion(version))).toBe(logs);
  });

  const servers: SeenUnlogged[] = [
    {
      ...{ server: 'db1:3306', unlogged: null, failure: null },
      tables: [
        { schema: 'shop', name: 'orders', columns: ['gross', 'year'] },
        { schema: 'other', name: 'notes', columns: ['length'] },
      ],
    },
    { server: 'db2:3306', unlogged: null, tables: [], failure: null },
  ];

  test('of tables that are delivered are named, unless rows may lack columns', () => {
    const shop = { include: ['shop.*'], exclude: [] };
    expect(generatedColumnFindings(servers, shop, 'full')).toMatchObject([
      {
        severity: 'warning',
        code: 'generated-columns',
        message: expect.stringMatching(
          /^db1:3306: .*stops at such a row: shop\.orders \(gross, year\)$/,
        ) as string,
        fix: expect.stringContaining('rowImage: any') as string,
      },
    ]);
    expect(generatedColumnFindings(servers, shop, 'any')).toEqual([]);
    expect(generatedColumnFindings(servers, { include: ['x.*'], exclude: [] }, 'full')).toEqual([]);
  });
});
