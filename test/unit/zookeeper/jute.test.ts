import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JuteError, JuteReader, JuteWriter, JuteFramer } from '../../../src/zookeeper/jute.js';

/** A packet without its length. */
const recordOf = (writer: JuteWriter): Buffer => writer.packet().subarray(4);

/** The records that come of a stream in these pieces. */
function cut(pieces: readonly Buffer[], longest = 1 << 20): string[] {
  const framer = new JuteFramer(longest);
  return pieces.flatMap((piece) => [...framer.push(piece)].map((record) => record.toString('hex')));
}

describe('a record', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.uint8Array(),
        fc.string({ unit: 'grapheme' }),
        (int, long, bytes, text) => {
          const reader = new JuteReader(
            recordOf(new JuteWriter().int(int).long(long).buffer(bytes).text(text)),
          );
          expect([reader.int(), reader.long(), reader.buffer(), reader.text()]).toEqual([
            ...[int, long, Buffer.from(bytes), text],
          ]);
          expect(() => reader.int()).toThrow(JuteError);
        },
      ),
    );
  });

  test('has -1 for what is not there, in bytes and lists', () => {
    const reader = new JuteReader(recordOf(new JuteWriter().int(-1).int(-1).int(2).text('a').text('b')));
    expect(reader.buffer()).toEqual(Buffer.alloc(0));
    expect(reader.texts()).toEqual([]);
    expect(reader.texts()).toEqual(['a', 'b']);
  });

  test('keeps nothing of what it was read from', () => {
    const record = recordOf(new JuteWriter().buffer(Buffer.from('ab')));
    const bytes = new JuteReader(record).buffer();
    record.fill(0);
    expect(bytes.toString()).toBe('ab');
  });

  test.each([
    ['bytes longer than it', new JuteWriter().int(5).int(0), (reader: JuteReader) => reader.buffer()],
    ['a length below -1', new JuteWriter().int(-2), (reader: JuteReader) => reader.buffer()],
    ['two thousand million names', new JuteWriter().int(2 ** 31 - 1), (reader: JuteReader) => reader.texts()],
    ['half a number', new JuteWriter().int(1), (reader: JuteReader) => reader.long()],
  ])('with %s is refused', (_what, writer, read) => {
    expect(() => read(new JuteReader(recordOf(writer)))).toThrow(JuteError);
  });
});

describe('a stream of packets', () => {
  test('is cut the same, however it is split', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), fc.array(fc.nat()), (records, cuts) => {
        const stream = Buffer.concat(
          records.map((record) => new JuteWriter().buffer(record).packet().subarray(4)),
        );
        const ends = [...cuts.map((at) => at % (stream.length + 1)), stream.length].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => stream.subarray(index === 0 ? 0 : ends[index - 1], end));
        expect(cut(pieces)).toEqual(records.map((record) => Buffer.from(record).toString('hex')));
      }),
    );
  });

  test.each([-1, 1025, 0x7fffffff])('with one that announces %i bytes is refused', (length) => {
    expect(() => cut([recordOf(new JuteWriter().int(length))], 1024)).toThrow(
      `a packet of ${String(length)}`,
    );
  });
});
