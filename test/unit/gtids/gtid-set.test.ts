import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GtidSet } from '../../../src/gtids/gtid-set.js';
import { readSet, setText } from '../../../src/gtids/gtid-set-bytes.js';

const a = '2c256447-3f0d-431b-9a25-bddf1f1f6ef6';
const b = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('a GTID set', () => {
  test.each([
    ['', ''],
    [`${a}:7`, `${a}:7`],
    [`${a}:1-5:11-18`, `${a}:1-5:11-18`],
    [`${b}:1-27, ${a}:1-5:8`, `${a}:1-5:8,${b}:1-27`],
    [`${a.toUpperCase()}:1-3:2-9`, `${a}:1-9`],
    [`${a}:5:tag_b:2:tag_a:1-3`, `${a}:5:tag_a:1-3:tag_b:2`],
    [`${a}:tag:1`, `${a}:tag:1`],
    [`${a}:1-9223372036854775806`, `${a}:1-9223372036854775806`],
  ])('%s', (text, canonical) => {
    expect(GtidSet.parse(text).toString()).toBe(canonical);
  });

  test.each([
    ...[
      'no:1-5',
      a,
      `${a}:0`,
      `${a}:5-1`,
      `${a}:1-2-3`,
      `${a}:1e3`,
      `${a}:0x10`,
      `${a}:1.0`,
      `${a}:`,
      `${a}:1,x`,
    ],
    `${a}:9223372036854775807`,
  ])('%s is none', (text) => {
    expect(() => GtidSet.parse(text)).toThrow(/Invalid GTID/);
  });

  test('grows by one transaction at a time', () => {
    const set = GtidSet.parse(`${a}:1-5`);
    const after = [`${a}:6`, `${a}:9`, `${a}:8`, `${a}:7`, `${a}:3`, `${b}:1`, `${b}:x:4`].map((gtid) => {
      set.add(gtid);
      return set.toString();
    });
    expect(after).toEqual([
      ...[`${a}:1-6`, `${a}:1-6:9`, `${a}:1-6:8-9`, `${a}:1-9`, `${a}:1-9`, `${a}:1-9,${b}:1`],
      `${a}:1-9,${b}:1:x:4`,
    ]);
    for (const gtid of [a, `${a}:1-2`, `${a}:x`, `${a}:x:y:1`])
      expect(() => {
        set.add(gtid);
      }).toThrow(/Invalid GTID/);
  });

  test('has, or has not, a transaction', () => {
    const set = GtidSet.parse(`${a}:1-5:9:t:3`);
    const has = [`${a}:1`, `${a}:5`, `${a}:9`, `${a}:t:3`].map((gtid) => set.contains(gtid));
    const hasNot = [`${a}:6`, `${b}:1`, `${a}:t:4`, null, undefined].map((gtid) => set.contains(gtid));
    expect(has).toEqual([true, true, true, true]);
    expect(hasNot).toEqual([false, false, false, false, false]);
    expect([set.isEmpty(), GtidSet.parse('').isEmpty()]).toEqual([false, true]);
  });

  test('is what the single transactions are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (numbers) => {
        const set = new GtidSet();
        for (const number of numbers) set.add(`${a}:${number}`);
        for (let number = 1; number <= 41; number += 1) {
          expect(set.contains(`${a}:${number}`)).toBe(numbers.includes(number));
        }
        expect(GtidSet.parse(set.toString()).toString()).toBe(set.toString());
      }),
    );
  });
});

describe('on the wire', () => {
  test.each(['', `${a}:1-5:8,${b}:1-27`, `${a}:5:tag_a:1-3:tag_b:2,${b}:9`, `${a}:tag:9223372036854775806`])(
    '%s',
    (text) => {
      const bytes = GtidSet.parse(text).encode();
      expect(setText(readSet(bytes))).toBe(text);
      expect(GtidSet.of(readSet(bytes)).toString()).toBe(text);
    },
  );

  test('is as the servers have it', () => {
    const bytes = GtidSet.parse(`${a}:1-5`).encode();
    expect(bytes.toString('hex')).toBe(
      `0100000000000000${a.replaceAll('-', '')}010000000000000001000000000000000600000000000000`,
    );
  });

  test('with tags, as MySQL 9.7 has it', () => {
    const id = a.replaceAll('-', '');
    expect(GtidSet.parse(`${a}:1-5:tag_a:7`).encode().toString('hex')).toBe(
      `0102000000000001${id}00010000000000000001000000000000000600000000000000` +
        `${id}0a7461675f61010000000000000007000000000000000800000000000000`,
    );
  });

  test('cut off, or of a form that is not known, is an error', () => {
    const bytes = GtidSet.parse(`${a}:1-5`).encode();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readSet(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'protocol' }) as Error,
      );
    }
    bytes.writeUInt8(2, 7);
    expect(() => readSet(bytes)).toThrow(/format 2/);
  });
});
