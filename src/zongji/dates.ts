const invalid = Number.NaN;

/**
 * A DATE or DATETIME as a Date object. One that no Date object can be (`0000-00-00`, a month or a day of 0, 30 February)
 * is an invalid Date.
 * @param text `YYYY-MM-DD`, perhaps with ` hh:mm:ss` and a fraction, which is cut to milliseconds.
 * @param offsetMinutes east of UTC; null: the time zone of this process.
 */
export function dateOf(text: string, offsetMinutes: number | null): Date {
  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const [year, month, day] = [part(0, 4), part(5, 7), part(8, 10)];
  const clock = [part(11, 13), part(14, 16), part(17, 19), millisecondsOf(text)] as const;
  const date = new Date(0);
  // Not by the constructor, which takes the years up to 99 for those of the last century.
  date.setUTCFullYear(year, month - 1, day);
  if (month === 0 || date.getUTCDate() !== day) return new Date(invalid);
  if (offsetMinutes === null) {
    date.setFullYear(year, month - 1, day);
    date.setHours(...clock);
  } else {
    date.setUTCHours(...clock);
    date.setTime(date.getTime() - offsetMinutes * 60_000);
  }
  return date;
}

function millisecondsOf(text: string): number {
  return Number(text.slice(20, 23).padEnd(3, '0'));
}

/** A TIMESTAMP, given in UTC, as a Date object; the zero date as an invalid one. */
export function timestampOf(text: string): Date {
  return dateOf(text, 0);
}

/** A TIMESTAMP, given in UTC, as text in another time zone, with all digits of its fraction. */
export function timestampText(text: string, offsetMinutes: number | null): string {
  const date = timestampOf(text);
  if (Number.isNaN(date.getTime()) || offsetMinutes === 0) return text;
  const behindUtcMinutes = offsetMinutes === null ? date.getTimezoneOffset() : -offsetMinutes;
  const shifted = new Date(date.getTime() - behindUtcMinutes * 60_000).toISOString();
  return `${shifted.slice(0, 10)} ${shifted.slice(11, 19)}${text.slice(19)}`;
}
