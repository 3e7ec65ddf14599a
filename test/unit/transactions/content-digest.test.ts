import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { ContentDigest, type RunHead, runHead } from '../../../src/transactions/content-digest.js';
import { comparisonOf, compareDigests } from '../../../src/transactions/identity.js';
import type { RowOperation } from '../../../src/binlog/rows-event.js';

/** A run of rows of one table and kind. */
type Run = { readonly table: string; readonly operation: RowOperation; readonly rows: readonly Buffer[] };

const row = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const run: fc.Arbitrary<Run> = fc.record({
  table: fc.constantFrom('orders', 'items'),
  operation: fc.constantFrom('insert', 'update', 'delete'),
  rows: fc.array(row, { minLength: 1, maxLength: 8 }),
});

/** Takes runs with their rows in events of the given sizes, each event with a head object of its own. */
function digestOf(
  runs: readonly Run[],
  sizes: readonly number[],
  digest = new ContentDigest(),
): ContentDigest {
  let size = 0;
  for (const { table, operation, rows } of runs) {
    for (let at = 0; at < rows.length; size += 1) {
      const count = sizes[size % sizes.length] ?? 1;
      digest.rows(
        runHead({ schema: 'shop', table }, operation, 3),
        Buffer.concat(rows.slice(at, at + count)),
      );
      at += count;
    }
  }
  return digest;
}

const sizes = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 5 });
const runs = fc.array(run, { minLength: 1, maxLength: 6 });

describe('rows', () => {
  test('however they are split into events, the digest is the same', () => {
    fc.assert(
      fc.property(runs, sizes, sizes, (content, these, those) => {
        const [a, b] = [digestOf(content, these), digestOf(content, those)];
        expect(a.value()).toBe(b.value());
        expect(a.bytes).toBe(b.bytes);
      }),
    );
  });

  test('another row, order, table or kind is another digest', () => {
    const one: Run = { table: 'orders', operation: 'insert', rows: [Buffer.of(1), Buffer.of(2)] };
    const values = [
      [one],
      [{ ...one, rows: [Buffer.of(2), Buffer.of(1)] }],
      [{ ...one, rows: [Buffer.of(1)] }],
      [{ ...one, table: 'items' }],
      [{ ...one, operation: 'delete' as const }],
      [one, { ...one, operation: 'delete' as const }],
      [one, { ...one, table: 'items' }],
    ].map((content) => digestOf(content, [8]).value());
    expect(new Set(values).size).toBe(values.length);
  });

  test('names can not run into each other', () => {
    const head = (schema: string, table: string): bigint => {
      const digest = new ContentDigest();
      digest.rows(runHead({ schema, table }, 'insert', 1), Buffer.of(1));
      return digest.value();
    };
    expect(head('ab', 'c')).not.toBe(head('a', 'bc'));
  });

  test('more than the hash takes at once', () => {
    const head = runHead({ schema: 'shop', table: 'blobs' }, 'insert', 1);
    const large = Buffer.alloc(3_500_000, 'abcdefg');
    const [whole, parts] = [new ContentDigest(), new ContentDigest()];
    whole.rows(head, large);
    for (let at = 0; at < large.length; at += 8192) parts.rows(head, large.subarray(at, at + 8192));
    expect(whole.value()).toBe(parts.value());
  });
});

describe('the digest of rows', () => {
  /** As checkpoints and sinks' records keep it: whoever computes it otherwise can't go on from them. */
  const valueOf = (...parts: readonly (readonly [RunHead, Buffer, boolean?])[]): string => {
    const digest = new ContentDigest();
    for (const [head, images, complete] of parts) digest.rows(head, images, complete);
    return digest.value().toString(16).padStart(16, '0');
  };
  const head = (operation: RowOperation, columns = 3, table = 'größe') =>
    runHead({ schema: 'shop', table }, operation, columns);

  test('is XXH64 of kind, columns, names and images, in its lower 48 bits', async () => {
    const hashing = await xxhash();
    const uint = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    };
    const names = [uint(4), Buffer.from('shop'), uint(7), Buffer.from('größe')];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000, size: 'max' }), fc.nat(300), (bytes, columns) => {
        const images = Buffer.from(bytes);
        for (const [kind, operation] of (['insert', 'update', 'delete'] as const).entries()) {
          const content = Buffer.concat([Buffer.of(kind + 1), uint(columns), ...names, images]);
          const expected = BigInt.asUintN(48, hashing.h64Raw(content)).toString(16).padStart(12, '0');
          expect(valueOf([head(operation, columns), images]).slice(4)).toBe(expected);
        }
      }),
    );
  });

  test('is what it has always been', () => {
    const images = Buffer.from('images of some rows');
    expect([
      valueOf([head('insert'), images]),
      valueOf([head('update'), images], [head('delete', 300, 't'), Buffer.alloc(2000, 'x')]),
      valueOf([head('delete'), images, false], [head('insert', 1, 't'), images]),
      valueOf([head('insert'), Buffer.alloc(3_000_000, 'row')]),
      valueOf(),
    ]).toEqual([
      ...['352a97df3bcbeeee', '0f7668bc0777e82c', '54021112caae2107', '352abea8cbb5b778', '0000db3751d8e999'],
    ]);
  });
});

describe('the probe', () => {
  test('is the digest over the first part, wherever the events end', () => {
    fc.assert(
      fc.property(runs, sizes, sizes, fc.nat(), (content, these, those, seed) => {
        const before = digestOf(content.slice(0, 1 + (seed % content.length)), these);
        const whole = digestOf(content, those, new ContentDigest(before.bytes));
        expect(whole.probed).toBe(before.value());
        expect(whole.value()).toBe(digestOf(content, these).value());
      }),
    );
  });

  test('there is none before so much content has come', () => {
    const content: Run[] = [{ table: 'orders', operation: 'insert', rows: [Buffer.of(1)] }];
    const { bytes } = digestOf(content, [1]);
    expect(digestOf(content, [1], new ContentDigest(bytes + 1)).probed).toBeNull();
    expect(digestOf(content, [1], new ContentDigest(bytes)).probed).not.toBeNull();
  });
});

describe('by what it can be compared', () => {
  const insert = runHead({ schema: 'shop', table: 'orders' }, 'insert', 3);
  const update = runHead({ schema: 'shop', table: 'orders' }, 'update', 3);
  const valueOf = (...parts: readonly (readonly [RunHead, string, boolean])[]): bigint => {
    const digest = new ContentDigest();
    for (const [head, images, complete] of parts) digest.rows(head, Buffer.from(images), complete);
    return digest.value();
  };

  test('images that lack something: by shape, which no image is part of', () => {
    const whole = valueOf([insert, 'a', true], [update, 'abc', true]);
    const part = valueOf([insert, 'a', true], [update, 'a', false]);
    expect([whole, part].map(comparisonOf)).toEqual(['content', 'shape']);
    expect(compareDigests(whole, part)).toBe('shape');
    expect(compareDigests(whole, valueOf([update, 'a', false], [insert, 'a', true]))).toBeNull();
    expect(
      compareDigests(whole, valueOf([insert, 'a', true], [update, 'a', false], [insert, 'b', true])),
    ).toBeNull();
  });

  test('the shape is the same wherever the events end', () => {
    const split = valueOf([update, 'a', false], [update, 'b', false], [update, 'c', false]);
    expect(compareDigests(valueOf([update, 'abc', true]), split)).toBe('shape');
  });

  test('a statement that others log as rows: by origin', () => {
    const digest = new ContentDigest();
    digest.rows(update, Buffer.of(1), false);
    digest.statement({ schema: 'shop', sql: '/* a comment */ UPDATE t SET a = 1' });
    expect(comparisonOf(digest.value())).toBe('origin');
    const ddl = new ContentDigest();
    ddl.statement({ schema: 'shop', sql: 'ALTER TABLE t ADD a INT' });
    expect(comparisonOf(ddl.value())).toBe('content');
  });
});

describe('statements', () => {
  const statement = (sql: string, schema = 'shop'): bigint => {
    const digest = new ContentDigest();
    digest.statement({ schema, sql });
    return digest.value();
  };

  test('comments that servers add make no difference', () => {
    expect(statement('DROP TABLE `t` /* generated by server */')).toBe(statement('DROP TABLE `t`'));
  });

  test('nor does the IF EXISTS that a MariaDB replica adds', () => {
    expect(statement('DROP TABLE IF EXISTS `t`,`u`')).toBe(statement('DROP TABLE `t`,`u`'));
    expect(statement('DROP TABLE IF EXISTS /* generated by server */ `t` /* generated by server */')).toBe(
      statement('DROP TABLE `t` /* generated by server */'),
    );
    expect(statement('DROP VIEW IF EXISTS `t`')).not.toBe(statement('DROP VIEW `t`'));
  });

  test('text, schema and what is executed do', () => {
    const values = [
      statement('CREATE TABLE t (a INT)'),
      statement('CREATE TABLE t (a INT)', 'other'),
      statement('CREATE TABLE t (b INT)'),
      statement('CREATE TABLE t (a INT) /*!50100 ENGINE=InnoDB */'),
    ];
    expect(new Set(values).size).toBe(values.length);
  });

  test('are what they have always been', () => {
    expect(
      [
        statement('CREATE TABLE t (a INT)'),
        statement("INSERT INTO `t` VALUES ('it''s /* no comment */', \"--\") -- but this is"),
        statement(
          ' DROP TABLE IF EXISTS /* generated by server */ `größe`,`u` /* generated by server */',
          '',
        ),
        statement('CREATE TABLE t (a INT) /*!50100 ENGINE=InnoDB */ # end', 'größe'),
        statement('a'.repeat(3_000_000)),
      ].map((value) => value.toString(16).padStart(16, '0')),
    ).toEqual([
      '1844043358b22c98',
      'a3416863db870ccd',
      '3bc6bfb01f50a287',
      '06253f6d9467ef5b',
      '125f60ed724426f2',
    ]);
  });

  test('rows around a statement are two runs', () => {
    const head = runHead({ schema: 'shop', table: 'orders' }, 'insert', 1);
    const digest = new ContentDigest();
    digest.rows(head, Buffer.of(1));
    const once = digest.bytes;
    digest.statement({ schema: '', sql: 'x' });
    const withStatement = digest.bytes;
    digest.rows(head, Buffer.of(1));
    expect(digest.bytes - withStatement).toBe(once);
  });
});
