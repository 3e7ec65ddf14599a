import { expect, test } from 'vitest';
import { LeadHistogram } from '../../../src/shadow/lead-histogram.js';

const minuteMs = 60_000;

/** Nearly a second's leads. */
function add(histogram: LeadHistogram, leadMs: number, atMs: number, count = 1000): void {
  for (let left = count; left > 0; left -= 1) histogram.add(leadMs, atMs);
}

test('nothing is usual before anything was measured', () => {
  expect(new LeadHistogram().quantile(0.999, 5 * minuteMs)).toBe(0);
});

test('what was measured in this minute and the one before is not usual yet', () => {
  const histogram = new LeadHistogram();
  add(histogram, 3000, 10 * minuteMs + 59_999);
  expect(histogram.quantile(0.999, 10 * minuteMs + 59_999)).toBe(0);
  expect(histogram.quantile(0.999, 12 * minuteMs - 1)).toBe(0);
  expect(histogram.quantile(0.999, 12 * minuteMs)).toBeGreaterThanOrEqual(3000);
});

test('what is older than an hour is forgotten', () => {
  const histogram = new LeadHistogram();
  add(histogram, 3000, 10 * minuteMs);
  add(histogram, 20, 11 * minuteMs);
  expect(histogram.quantile(0.999, 71 * minuteMs + 59_999)).toBeGreaterThanOrEqual(3000);
  expect(histogram.quantile(0.999, 72 * minuteMs)).toBeLessThan(30);
});

test.each([1, 7, 20, 333, 2000, 45_000, 3_600_000])(
  'a quantile is at most a fifth too long: %i ms',
  (leadMs) => {
    const histogram = new LeadHistogram();
    add(histogram, leadMs, 0);
    const quantile = histogram.quantile(0.999, 2 * minuteMs);
    expect(quantile).toBeGreaterThanOrEqual(leadMs);
    expect(quantile).toBeLessThanOrEqual(leadMs * 1.2);
  },
);

test('a share of the leads may be longer', () => {
  const histogram = new LeadHistogram();
  add(histogram, 10, 0, 9995);
  add(histogram, 5000, 0, 5);
  expect(histogram.quantile(0.999, 2 * minuteMs)).toBeLessThan(13);
  add(histogram, 5000, 1, 10);
  expect(histogram.quantile(0.999, 2 * minuteMs)).toBeGreaterThanOrEqual(5000);
});
