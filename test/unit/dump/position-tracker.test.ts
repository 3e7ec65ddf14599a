import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PositionTracker } from '../../../src/dump/position-tracker.js';
import { event, rotateEvent } from '../binlog/event-bytes.js';

const artificialFlag = 0x20;

/** Gives whether the event takes room in the file. */
function advance(position: PositionTracker, bytes: Buffer): boolean {
  position.advance(bytes, 0, bytes.length);
  return position.place.end > position.place.start;
}

test('follows stated positions', () => {
  const position = new PositionTracker({ file: 'bin.000001', position: 4 });
  expect(advance(position, event({ type: 15, endPosition: 104 }, Buffer.alloc(81)))).toBe(true);
  expect(position.place).toMatchObject({ file: 'bin.000001', start: 4, end: 104 });
  expect(position.end).toEqual({ file: 'bin.000001', position: 104 });
});

test('MariaDB states none inside a transaction: sizes are summed up, and checked at the next stated one', () => {
  const position = new PositionTracker({ file: 'bin.000001', position: 1000 });
  advance(position, event({ type: 19, endPosition: 0 }, Buffer.alloc(31)));
  expect(position.end.position).toBe(1050);
  advance(position, event({ type: 23, endPosition: 0 }, Buffer.alloc(81)));
  expect(position.end.position).toBe(1150);
  // Annotations stand in the file and are not sent: the sum falls short.
  advance(position, event({ type: 16, endPosition: 1300 }, Buffer.alloc(12)));
  expect(position.place.start).toBe(1300 - 31);
  expect(position.end.position).toBe(1300);
});

describe('what the dump thread made up takes no room', () => {
  const cases: [string, Buffer][] = [
    ['heartbeat', event({ type: 27, endPosition: 5000 }, Buffer.from('bin.000001'))],
    ['heartbeat, version 2', event({ type: 41, endPosition: 5000 }, Buffer.alloc(20))],
    ['anything with the artificial flag', event({ type: 163, flags: artificialFlag }, Buffer.alloc(4))],
    ['a format description sent again', event({ type: 15, endPosition: 0 }, Buffer.alloc(81))],
  ];
  test.each(cases)('%s', (_name, bytes) => {
    const position = new PositionTracker({ file: 'bin.000001', position: 1000 });
    expect(advance(position, bytes)).toBe(false);
    expect(position.end).toEqual({ file: 'bin.000001', position: 1000 });
  });

  test('a made up rotate still names the file', () => {
    const position = new PositionTracker({ file: '', position: 4 });
    expect(advance(position, rotateEvent('bin.000007', 1234, { flags: artificialFlag }))).toBe(false);
    expect(position.end).toEqual({ file: 'bin.000007', position: 1234 });
  });
});

test('a rotate goes to the beginning of the next file', () => {
  const position = new PositionTracker({ file: 'bin.000001', position: 1000 });
  advance(position, rotateEvent('bin.000002', 4, { endPosition: 1047 }));
  expect(position.place).toMatchObject({ file: 'bin.000002', start: 4, end: 4 });
  expect(position.end).toEqual({ file: 'bin.000002', position: 4 });
});

test('beyond 4 GiB stated positions are right modulo 2^32', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2 ** 32 - 5000, max: 2 ** 34 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.boolean()), { minLength: 1, maxLength: 50 }),
      (begin, bodies) => {
        // A dump can't begin beyond 4 GiB, so whoever gets there has come from before.
        const position = new PositionTracker({ file: 'bin.000001', position: begin });
        let end = begin;
        for (const [bodyBytes, stated] of bodies) {
          end += 19 + bodyBytes;
          const endPosition = stated ? end % 2 ** 32 : 0;
          advance(position, event({ type: 2, endPosition }, Buffer.alloc(bodyBytes)));
          expect(position.end.position).toBe(end);
          expect(position.place.start).toBe(end - 19 - bodyBytes);
        }
      },
    ),
  );
});
