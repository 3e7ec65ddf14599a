import { describe, expect, test } from 'vitest';
import { type Room, whetherToRead } from '../../../src/shadow/room.js';

const mebibyte = 1024 * 1024;

const room: Room = {
  ...{ keptBytes: 0, bufferBytes: 64 * mebibyte },
  ...{ ahead: 10, behind: 0, isStreamWaiting: false },
};

describe('while the stream waits for its server', () => {
  test.each([
    ['up to the whole buffer, it reads', 64 * mebibyte, 'read'],
    ['beyond it, it waits', 64 * mebibyte + 1, 'wait'],
  ] as const)('%s', (_name, keptBytes, next) => {
    expect(whetherToRead({ ...room, keptBytes, isStreamWaiting: true })).toBe(next);
  });
});

describe('while the stream works through a backlog', () => {
  test.each([
    ['it reads a little ahead', mebibyte, 'read'],
    ['beyond that, it waits', mebibyte + 1, 'wait'],
  ] as const)('%s', (_name, keptBytes, next) => {
    expect(whetherToRead({ ...room, keptBytes })).toBe(next);
  });

  test('it comes to what was delivered all the same: without it, no place is proved', () => {
    expect(whetherToRead({ ...room, keptBytes: 5 * mebibyte, behind: 1 })).toBe('read');
    // Waiting for the stream would be in vain: it has delivered something that comes behind what is kept.
    expect(whetherToRead({ ...room, keptBytes: 65 * mebibyte, behind: 1 })).toBe('forget');
  });

  test('a smaller buffer is never exceeded', () => {
    const small = { ...room, bufferBytes: 1000, keptBytes: 1001 };
    expect(whetherToRead(small)).toBe('wait');
  });
});

test.each([true, false])(
  'the end of a transaction that is under way is read; only beyond the buffer it is not kept (%s)',
  (isStreamWaiting) => {
    const large = { ...room, ahead: 0, isStreamWaiting };
    expect(whetherToRead({ ...large, keptBytes: 64 * mebibyte })).toBe('read');
    expect(whetherToRead({ ...large, keptBytes: 64 * mebibyte + 1 })).toBe('forget');
  },
);
