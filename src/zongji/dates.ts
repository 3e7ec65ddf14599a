const invalid = Number.NaN;

/**
 * A DATE or DATETIME as a Date object. One that no Date object can be (`0000-00-00`, a month or a day of 0, 30 February)
 * is an invalid Date.
 * @param text `YYYY-MM-DD`, perhaps with ` hh:mm:ss` and a fraction, which is cut to milliseconds.
 * @param offsetMinutes east of UTC; null: the time zone of this process.
 */
export function dateOf(text: string, offsetMinutes: number | null): Date {
  const [year, month, day] = [
    numberAt(text, 0) * 100 + numberAt(text, 2),
    numberAt(text, 5),
    numberAt(text, 8),
  ];
  if (month === 0 || day === 0 || (day > 28 && !isDay(year, month, day))) return new Date(invalid);
  const isDate = text.length < 19;
  const [hour, minute, second] = isDate
    ? [0, 0, 0]
    : [numberAt(text, 11), numberAt(text, 14), numberAt(text, 17)];
  const millisecond = text.length < 20 ? 0 : Number(text.slice(20, 23).padEnd(3, '0'));
  if (year < 100)
    return earlyDate([year, month - 1, day], [hour, minute, second, millisecond], offsetMinutes);
  if (offsetMinutes === null) return new Date(year, month - 1, day, hour, minute, second, millisecond);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
  return new Date(utc - offsetMinutes * 60_000);
}

/** Two digits. */
function numberAt(text: string, at: number): number {
  return (text.charCodeAt(at) - zero) * 10 + text.charCodeAt(at + 1) - zero;
}

const zero = 0x30;

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCDate() === day;
}

/** The constructor, and Date.UTC, take years up to 99 for those of the last century. */
function earlyDate(
  day: readonly [year: number, month: number, day: number],
  clock: readonly [hour: number, minute: number, second: number, millisecond: number],
  offsetMinutes: number | null,
): Date {
  const date = new Date(0);
  if (offsetMinutes === null) {
    date.setFullYear(...day);
    date.setHours(...clock);
  } else {
    date.setUTCFullYear(...day);
    date.setUTCHours(...clock);
    date.setTime(date.getTime() - offsetMinutes * 60_000);
  }
  return date;
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
