import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventSplitter } from '../../../src/binlog/event-splitter.js';
import { TableMaps } from '../../../src/binlog/large-rows.js';
import { event, uint } from './event-bytes.js';

const events = fc.array(
  fc.uint8Array({ maxLength: 100 }).map((body) => event({ type: 2 }, Buffer.from(body))),
  { maxLength: 12 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 });

/** The bytes in pieces of the given sizes, over and over. */
function* cut(bytes: Buffer, pieceSizes: readonly number[]): Generator<Buffer> {
  for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
    const size = pieceSizes[index % pieceSizes.length] ?? 1;
    yield Buffer.from(bytes.subarray(offset, offset + size));
    offset += size;
  }
}

function visited(splitter: EventSplitter, pieces: Iterable<Buffer>): Buffer[] {
  const seen: Buffer[] = [];
  for (const piece of pieces) {
    splitter.push(piece, (buffer, start, end) => seen.push(buffer.subarray(start, end)));
  }
  return seen;
}

test('however the bytes are cut into pieces, the events are the same, and stay what they are', () => {
  fc.assert(
    fc.property(events, sizes, (sent, pieceSizes) => {
      const splitter = new EventSplitter(new TableMaps());
      expect(visited(splitter, cut(Buffer.concat(sent), pieceSizes))).toEqual(sent);
      expect(splitter.isBetweenEvents).toBe(true);
    }),
  );
});

test('it knows when the bytes end inside an event', () => {
  const whole = event({ type: 2 }, Buffer.alloc(30));
  for (let bytes = 1; bytes < whole.length; bytes += 1) {
    const splitter = new EventSplitter(new TableMaps());
    visited(splitter, cut(whole.subarray(0, bytes), [7]));
    expect(splitter.isBetweenEvents, `${bytes} bytes`).toBe(false);
  }
});

test('an event that is whole in a piece is not copied', () => {
  const piece = Buffer.concat([event({ type: 2 }, Buffer.alloc(5)), event({ type: 3 }, Buffer.alloc(9))]);
  const buffers: Buffer[] = [];
  new EventSplitter(new TableMaps()).push(piece, (buffer) => buffers.push(buffer));
  expect(buffers).toEqual([piece, piece]);
  expect(buffers.every((buffer) => buffer === piece)).toBe(true);
});

describe('sizes that no event has', () => {
  test.each([0, 18, 0xffffffff])('%i bytes', (size) => {
    const bytes = event({ type: 2 }, Buffer.alloc(5));
    uint(size, 4).copy(bytes, 9);
    for (const pieceSizes of [[100], [3]]) {
      expect(() => visited(new EventSplitter(new TableMaps()), cut(bytes, pieceSizes))).toThrow(
        expect.objectContaining({ code: 'protocol' }),
      );
    }
  });
});

test('an event of 64 MiB in small pieces is put together once', () => {
  const bytes = 64 * 1024 * 1024;
  const header = event({ type: 2 }, Buffer.alloc(0));
  uint(bytes, 4).copy(header, 9);
  const piece = Buffer.alloc(4096, 'x');
  const splitter = new EventSplitter(new TableMaps());
  const seen: number[] = [];
  const visit = (_buffer: Buffer, start: number, end: number): void => void seen.push(end - start);
  const began = performance.now();
  splitter.push(header, visit);
  for (let left = bytes - header.length; left > 0; left -= piece.length) {
    splitter.push(piece.subarray(0, left), visit);
  }
  expect(seen).toEqual([bytes]);
  // Put together anew for each piece it would copy half a terabyte.
  expect(performance.now() - began).toBeLessThan(3000);
});
