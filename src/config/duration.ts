import { WaymarkError } from '../util/errors.js';

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** The longest time that a timer supports (some 24 days). A longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

/**
 * Reads a duration such as `500ms`, `30s`, `1.5m` or `2h` and gives whole milliseconds.
 * @throws WaymarkError `usage` if the text has another form. A number without a unit is refused, too.
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text.trim());
  const unit = unitMs.get(match?.[2] ?? '');
  if (unit === undefined) {
    throw new WaymarkError(
      'usage',
      `"${text}" is not a duration: write a number and ms, s, m or h, for example 30s`,
    );
  }
  const milliseconds = Math.round(Number(match?.[1]) * unit);
  if (milliseconds > longestMs) {
    throw new WaymarkError('usage', `"${text}" is too long: at most 500h`);
  }
  return milliseconds;
}
