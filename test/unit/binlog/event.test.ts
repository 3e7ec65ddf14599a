import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  eventEndPosition,
  eventSecond,
  eventServerId,
  eventSize,
  eventType,
  EventType,
  isArtificial,
  isIgnorable,
  isOutOfBounds,
  isThreadSpecific,
  requireRoom,
} from '../../../src/binlog/event.js';
import { event } from './event-bytes.js';

const numbers = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1));

test('the header, wherever the event stands in a buffer', () => {
  fc.assert(
    fc.property(
      numbers,
      numbers,
      numbers,
      fc.nat(255),
      fc.nat(40),
      (second, serverId, endPosition, type, before) => {
        const bytes = event({ second, serverId, endPosition, type, checksumBytes: 4 }, Buffer.alloc(300));
        const buffer = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(3, 0xff)]);
        expect(eventSecond(buffer, before)).toBe(second);
        expect(eventType(buffer, before)).toBe(type);
        expect(eventServerId(buffer, before)).toBe(serverId);
        expect(eventSize(buffer, before)).toBe(323);
        expect(eventEndPosition(buffer, before)).toBe(endPosition);
      },
    ),
  );
  const large = event({ type: 2 }, Buffer.alloc(0));
  large.writeUInt32LE(0xfedcba98, 9);
  expect(eventSize(large, 0)).toBe(0xfedcba98);
});

test('flags: ignorable, of its session, and no other', () => {
  const asked = (flags: number) => {
    const bytes = Buffer.concat([
      Buffer.alloc(2, 0xff),
      event({ type: 2, flags, endPosition: 9 }, Buffer.alloc(0)),
    ]);
    return [isIgnorable(bytes, 2), isThreadSpecific(bytes, 2), isArtificial(bytes, 2)];
  };
  expect(asked(0)).toEqual([false, false, false]);
  expect(asked(0x80)).toEqual([true, false, false]);
  expect(asked(0x04)).toEqual([false, true, false]);
  expect(asked(0x20)).toEqual([false, false, true]);
  expect(asked(0xff5b)).toEqual([false, false, false]);
});

describe('made up by the dump thread', () => {
  const made = (type: number, endPosition: number): boolean =>
    isArtificial(event({ type, endPosition }, Buffer.alloc(0)), 0);

  test('a heartbeat, at whatever position', () => {
    for (const type of [EventType.heartbeat, EventType.heartbeatV2]) {
      expect([made(type, 0), made(type, 1000)]).toEqual([true, true]);
    }
  });

  test('what stands at the beginning of a file, without a position', () => {
    for (const type of [15, 4, 164, 163]) expect([made(type, 0), made(type, 1000)]).toEqual([true, false]);
  });

  test('nothing else, also without a position: MariaDB has none inside a transaction', () => {
    const types = Object.values(EventType).filter((type) => ![27, 41, 15, 4, 164, 163].includes(type));
    expect(types.filter((type) => made(type, 0))).toEqual([]);
  });
});

test('an event that says more than it has room for is refused by name', () => {
  requireRoom(20, 20, 'A GTID event');
  expect(() => {
    requireRoom(21, 20, 'A GTID event');
  }).toThrow(expect.objectContaining({ code: 'protocol', message: 'A GTID event is shorter than it says' }));
});

test('what Buffer throws for too little is told from mistakes', () => {
  const thrown = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const bytes = Buffer.alloc(3);
  expect(isOutOfBounds(thrown(() => bytes.readUInt32LE(0)))).toBe(true);
  expect(isOutOfBounds(thrown(() => Buffer.alloc(8).readUInt32LE(6)))).toBe(true);
  expect(isOutOfBounds(new RangeError('a mistake'))).toBe(false);
  expect(isOutOfBounds(Object.assign(new Error('x'), { code: 'ERR_OUT_OF_RANGE' }))).toBe(false);
});
