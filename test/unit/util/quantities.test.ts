import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countOf,
  formatBytes,
  formatCount,
  formatDuration,
  formatSeconds,
} from '../../../src/util/quantities.js';

describe('durations', () => {
  test.each([
    [0, '0 ms'],
    [-5, '0 ms'],
    [0.4, '0 ms'],
    [291, '291 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [1999.9982369999998, '2 s'],
    [1234, '1.2 s'],
    [9949, '9.9 s'],
    [9950, '10 s'],
    [90_000, '90 s'],
    [119_999, '2 min'],
    [125_000, '2 min 5 s'],
    [3_599_999, '1 h'],
    [7_199_999, '2 h'],
    [7_500_000, '2 h 5 min'],
    [86_400_000, '24 h'],
    [273_600_000, '3 d 4 h'],
    [1e12, '11,574 d 2 h'],
  ])('%d ms: %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test.each([
    [0, '0 s'],
    [0.4, '0 s'],
    [-1, '0 s'],
    [1, '1 s'],
    [3.2, '3 s'],
    [125, '2 min 5 s'],
  ])('%d seconds: %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  test('a longer one never looks shorter, and none has a long tail of digits', () => {
    const unitMs: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
    const read = (text: string): number => {
      const parts = [...text.replaceAll(',', '').matchAll(/([\d.]+) (\w+)/g)];
      return parts.reduce(
        (sum, [, number = '', unit = '']) => sum + Number(number) * (unitMs[unit] ?? NaN),
        0,
      );
    };
    const duration = fc.oneof(
      fc.double({ min: 0, max: 20_000, noNaN: true }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
    );
    fc.assert(
      fc.property(duration, duration, (a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        expect(read(formatDuration(short))).toBeLessThanOrEqual(read(formatDuration(long)));
        expect(formatDuration(a).length).toBeLessThanOrEqual('11,574 d 2 h'.length);
      }),
    );
  });
});

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [12_345, '12.3 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [1_073_741_824, '1.1 GB'],
  [2e15, '2.0 PB'],
  [3e18, '3000.0 PB'],
])('%d bytes: %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('counts', () => {
  expect([0, 1, 999, 1000, 1_234_567].map(formatCount)).toEqual(['0', '1', '999', '1,000', '1,234,567']);
  expect([0, 1, 2, 1024].map((count) => countOf(count, 'hint'))).toEqual([
    '0 hints',
    '1 hint',
    '2 hints',
    '1,024 hints',
  ]);
  expect(countOf(2, 'reply', 'replies')).toBe('2 replies');
});
