/**
 * Formats a duration for people: `850 ms`, `1.5 s`, `90 s`, `2 h 5 min`, `3 d 4 h`. It has two units at most, and
 * leaves out a second unit that is zero. A negative duration counts as zero.
 */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1000) return `${whole} ms`;
  if (whole < 9950) return `${tenths(whole / 1000)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 3600) return twoUnits(seconds, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return twoUnits(minutes, 60, 'h', 'min');
  return twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

/** Formats a duration that is known only to the second: `0 s`, `3 s`, `2 min 5 s`. */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? '0 s' : formatDuration(Math.round(seconds) * 1000);
}

function twoUnits(count: number, size: number, large: string, small: string): string {
  const rest = count % size;
  const first = `${formatCount(Math.floor(count / size))} ${large}`;
  return rest === 0 ? first : `${first} ${rest} ${small}`;
}

const byteUnits = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Formats a size for people, in powers of ten: `512 bytes`, `1.2 kB`, `34.5 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return countOf(bytes, 'byte');
  let size = bytes / 1000;
  let unit = 0;
  // Show 1000.0 as 1.0 of the next unit.
  while (size >= 999.95 && unit < byteUnits.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(1)} ${byteUnits[unit] ?? ''}`;
}

/** Formats a count for people: `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** Formats a count with its noun: `1 hint`, `1,024 hints`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

function tenths(value: number): string {
  return String(Math.round(value * 10) / 10);
}
