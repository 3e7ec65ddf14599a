import { describe, expect, test } from 'vitest';
import { fit } from '../../../src/layouts/fitting.js';
import { readsAlike } from '../../../src/layouts/table-definition.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { type ColumnBytes, field, tableMap } from '../decode/table-maps.js';

const layoutOf = (columns: readonly ColumnBytes[], fields: readonly Buffer[] = [], flags = 1) => {
  const bytes = tableMap(columns, { fields, flags });
  return readTableLayout(bytes, 0, bytes.length, 'mysql');
};

const column = (type: string, charset: string | null = null, name = 'a') => ({ name, type, charset });

const reasonOf = (
  logged: ColumnBytes,
  type: string,
  charset: string | null = null,
  fields: Buffer[] = [],
) => {
  const fitting = fit(layoutOf([logged], fields), {
    columns: [column(type, charset)],
    defaultCharset: 'latin1',
    key: [],
  });
  return fitting.fits ? null : fitting.reason;
};

describe('a definition held against a table map', () => {
  test.each<[ColumnBytes, string, string | null, string | null]>([
    [{ type: 15, metadata: Buffer.of(80, 0) }, 'varchar(20)', 'utf8mb4', null],
    [{ type: 15, metadata: Buffer.of(80, 0) }, 'varchar(20)', 'latin1', 'length'],
    [{ type: 15, metadata: Buffer.of(80, 0) }, 'varchar(80)', 'latin1', null],
    [{ type: 15, metadata: Buffer.of(80, 0) }, 'varbinary(80)', null, null],
    [
      { type: 15, metadata: Buffer.of(80, 0) },
      'varchar(20)',
      '@unknown',
      'character set of column a is not known',
    ],
    [{ type: 254, metadata: Buffer.of(254, 60) }, 'char(20)', 'utf8mb3', null],
    [{ type: 254, metadata: Buffer.of(254, 60) }, 'char(15)', 'utf8mb4', null],
    [{ type: 254, metadata: Buffer.of(254, 60) }, 'char(20)', 'utf8mb4', 'length'],
    [{ type: 246, metadata: Buffer.of(10, 2) }, 'decimal(10,2) unsigned', null, null],
    [{ type: 246, metadata: Buffer.of(10, 2) }, 'decimal(10,3)', null, 'length'],
    [{ type: 246, metadata: Buffer.of(10, 0) }, 'decimal', null, null],
    [{ type: 18, metadata: Buffer.of(3) }, 'datetime(3)', null, null],
    [{ type: 18, metadata: Buffer.of(3) }, 'datetime', null, 'length'],
    [{ type: 16, metadata: Buffer.of(2, 1) }, 'bit(10)', null, null],
    [{ type: 16, metadata: Buffer.of(2, 1) }, 'bit(11)', null, 'length'],
    [{ type: 254, metadata: Buffer.of(247, 1) }, "enum('a','b')", 'latin1', null],
    [{ type: 254, metadata: Buffer.of(248, 2) }, "set('a','b')", 'latin1', 'length'],
    [{ type: 252, metadata: Buffer.of(2) }, 'text', '@schema', 'character set of column a is not known'],
    [{ type: 3 }, 'int(11)', null, null],
    [{ type: 3 }, 'bigint', null, 'another type'],
  ])('%j, %s %s: %s', (logged, type, charset, reason) => {
    const found = reasonOf(logged, type, charset);
    if (reason === null) expect(found).toBeNull();
    else expect(found).toContain(reason);
  });

  test('signs and character sets where the log has them', () => {
    const signs = field(1, Buffer.of(0x80));
    expect(reasonOf({ type: 3 }, 'int unsigned', null, [signs])).toBeNull();
    expect(reasonOf({ type: 3 }, 'int', null, [signs])).toContain('sign');
    expect(reasonOf({ type: 3 }, 'int unsigned', null, [field(1, Buffer.of(0))])).toContain('sign');
    // utf8mb4_0900_ai_ci, latin1_swedish_ci
    const text = { type: 252, metadata: Buffer.of(2) };
    expect(reasonOf(text, 'text', 'utf8mb4', [field(2, Buffer.of(0xfc, 0xff, 0))])).toBeNull();
    expect(reasonOf(text, 'text', '@schema', [field(2, Buffer.of(8))])).toBeNull();
    expect(reasonOf(text, 'text', 'utf8mb4', [field(2, Buffer.of(8))])).toContain('character set');
  });

  test('a primary key that MySQL has made stands before the columns', () => {
    const layout = layoutOf([{ type: 8 }, { type: 3 }], [], 1 | 4);
    const fitting = fit(layout, { columns: [column('int')], defaultCharset: 'latin1', key: [] });
    expect(fitting).toMatchObject({ fits: true, table: { columns: [{ name: 'my_row_id' }, { name: 'a' }] } });
    expect(
      fit(layoutOf([{ type: 8 }, { type: 3 }]), {
        columns: [column('int')],
        defaultCharset: 'latin1',
        key: [],
      }).fits,
    ).toBe(false);
  });
});

describe('two definitions that read alike', () => {
  test.each([
    ['int(11)', 'int'],
    ['int(10) unsigned zerofill', 'int unsigned'],
    ['varchar(20)', 'varchar(40)'],
    ['text', 'mediumtext'],
    ['geomcollection', 'geometrycollection'],
    ["enum('a💡')", "enum('a?')"],
    ['real', 'double'],
  ])('%s, %s', (one, other) => {
    expect(readsAlike([column(one)], [column(other)])).toBe(true);
  });

  test.each([
    [column('int'), column('int unsigned')],
    [column('int'), column('bigint')],
    [column('text', 'latin1'), column('text', 'latin2')],
    [column('text', 'latin1'), column('blob')],
    [column("enum('a','b')"), column("enum('b','a')")],
    [column('binary(16)'), column('uuid')],
    [column('int'), column('int', null, 'b')],
  ])('%j, %j do not', (one, other) => {
    expect(readsAlike([one], [other])).toBe(false);
    expect(readsAlike([one], [])).toBe(false);
  });

  test('what is not said is no difference, nor are the names of UTF-8', () => {
    expect(readsAlike([column('text', '@schema')], [column('text', 'latin1')])).toBe(true);
    expect(readsAlike([column('text', 'utf8')], [column('text', 'utf8mb4')])).toBe(true);
  });
});
