import { describe, expect, test } from 'vitest';
import { decodeLayouts, encodeLayouts } from '../../../src/checkpoint/layouts-record.js';
import { effectOf } from '../../../src/layouts/ddl-statement.js';
import { ProvedLayouts } from '../../../src/layouts/proved-layouts.js';

const origin = { stream: 'shop-audit', location: 'memory' };

function layoutsOf(...statements: string[]): ProvedLayouts {
  const layouts = new ProvedLayouts();
  for (const sql of statements) layouts.statement(effectOf({ schema: 'shop', sql }, 'mysql'), true);
  return layouts;
}

const sample = layoutsOf(
  'CREATE DATABASE shop CHARACTER SET latin1',
  "CREATE TABLE t (a INT UNSIGNED, `ä.b` VARCHAR(20), e ENUM('x', 'it''s'))",
  'CREATE TABLE u (a TEXT) CHARACTER SET utf8mb4',
  'ALTER TABLE t DROP a',
  'DROP TABLE gone',
  'FROBNICATE',
  'CREATE TABLE v (a INT PRIMARY KEY)',
  'CREATE TABLE w (a INT, b INT, PRIMARY KEY (b, a))',
  'ALTER TABLE w DROP a',
);

sample.keep(
  { schema: 'shop', table: 'hiding' },
  {
    columns: [{ name: 'a', type: 'int', charset: null }],
    defaultCharset: 'latin1',
    key: [],
    hidden: [{ name: 'row_start', type: 'timestamp(6)', charset: null }],
  },
);

describe('the record of layouts', () => {
  test('gives back what was known, before each statement, too', () => {
    const record = encodeLayouts('shop-audit', 'mine', { id: 'other', version: 3 }, sample);
    const { id, parent, ...known } = decodeLayouts(record, origin);
    expect({ id, parent }).toEqual({ id: 'mine', parent: { id: 'other', version: 3 } });
    const restored = new ProvedLayouts();
    restored.restore(known);
    for (let version = sample.version; version >= 0; version -= 1) {
      expect(restored.rewind(version)).toBe(true);
      const again = new ProvedLayouts();
      again.restore(known);
      again.rewind(version);
      expect([...restored.tables]).toEqual([...again.tables]);
    }
    restored.restore(known);
    expect(restored.version).toBe(sample.version);
    expect([...restored.tables]).toEqual([...sample.tables]);
    expect([...restored.schemas]).toEqual([...sample.schemas]);
    expect(restored.undos).toEqual(sample.undos);
  });

  test('leaves out the tables that were proved longest ago where it has no room, and keeps its bounds', () => {
    const many = new ProvedLayouts();
    for (let index = 0; index < 3000; index += 1) {
      const columns = Array.from({ length: 20 }, (_, at) => ({
        ...{ name: `c${Math.imul(index + 1, 2_654_435_761 + at)}`, type: 'int', charset: null },
      }));
      many.keep({ schema: 'shop', table: `t${index}` }, { columns, defaultCharset: 'latin1', key: [] });
    }
    const record = encodeLayouts('shop-audit', 'mine', null, many, 100_000);
    expect(record.length).toBeLessThanOrEqual(100_000);
    const { tables } = decodeLayouts(record, origin);
    expect(tables.size).toBeGreaterThan(100);
    expect([...tables]).toEqual([...many.tables].slice(-tables.size));
  });

  test('is refused when it is altered, cut off, of another version, or of another stream', () => {
    const record = encodeLayouts('shop-audit', 'mine', null, sample);
    const refusal = (bytes: Buffer, code: string, text: string): void => {
      expect(() => decodeLayouts(bytes, origin)).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error,
      );
    };
    for (let length = 0; length < record.length; length += 1) {
      refusal(record.subarray(0, length), 'checkpoint-damaged', 'memory');
    }
    for (let at = 0; at < record.length; at += 1) {
      const bytes = Buffer.from(record);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      refusal(bytes, 'checkpoint-damaged', 'memory');
    }
    const newer = Buffer.from(record);
    newer.writeUInt8(3, 4);
    refusal(newer, 'checkpoint-damaged', 'format version 3, but this waymark knows version 2');
    expect(() => decodeLayouts(record, { ...origin, stream: 'another' })).toThrow(
      expect.objectContaining({ code: 'checkpoint-foreign' }) as Error,
    );
  });
});
