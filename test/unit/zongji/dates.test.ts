import { describe, expect, test } from 'vitest';
import { dateOf, timestampOf, timestampText } from '../../../src/zongji/dates.js';

const isInvalid = (date: Date): boolean => Number.isNaN(date.getTime());

describe('a date', () => {
  test.each([
    ['2024-02-29', 0, '2024-02-29T00:00:00.000Z'],
    ['2024-02-29 12:34:56', 0, '2024-02-29T12:34:56.000Z'],
    ['2024-02-29 12:34:56.789123', 0, '2024-02-29T12:34:56.789Z'],
    ['2024-02-29 12:34:56.5', 0, '2024-02-29T12:34:56.500Z'],
    ['2024-02-29 12:34:56', 330, '2024-02-29T07:04:56.000Z'],
    ['2024-02-29 22:34:56', -180, '2024-03-01T01:34:56.000Z'],
    ['0099-01-02', 0, '0099-01-02T00:00:00.000Z'],
    ['9999-12-31 23:59:59.999999', 0, '9999-12-31T23:59:59.999Z'],
  ])('%s, %i minutes east', (text, offset, expected) => {
    expect(dateOf(text, offset).toISOString()).toBe(expected);
  });

  test('of this process', () => {
    expect(dateOf('2024-07-15 12:34:56.007', null)).toEqual(new Date(2024, 6, 15, 12, 34, 56, 7));
  });

  test.each(['0000-00-00', '2024-00-01', '2024-01-00', '2024-02-30', '2023-02-29 12:00:00'])(
    '%s is none',
    (text) => {
      expect(isInvalid(dateOf(text, 0))).toBe(true);
      expect(isInvalid(dateOf(text, null))).toBe(true);
    },
  );
});

describe('a timestamp', () => {
  test('is in UTC', () => {
    expect(timestampOf('2038-01-19 03:14:07').getTime()).toBe((2 ** 31 - 1) * 1000);
    expect(isInvalid(timestampOf('0000-00-00 00:00:00'))).toBe(true);
  });

  test.each([
    ['2024-02-29 23:30:00.123456', 60, '2024-03-01 00:30:00.123456'],
    ['2024-03-01 00:30:00', -60, '2024-02-29 23:30:00'],
    ['2024-03-01 00:30:00.1', 0, '2024-03-01 00:30:00.1'],
    ['0000-00-00 00:00:00.00', 60, '0000-00-00 00:00:00.00'],
  ])('%s as text, %i minutes east', (text, offset, expected) => {
    expect(timestampText(text, offset)).toBe(expected);
  });

  test('as text of this process', () => {
    const date = new Date(Date.UTC(2024, 6, 1, 10, 20, 30));
    const two = (value: number): string => String(value).padStart(2, '0');
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    expect(timestampText('2024-07-01 10:20:30.5', null)).toBe(`${day} ${clock}.5`);
  });
});
