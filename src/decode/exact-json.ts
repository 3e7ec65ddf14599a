import { ExactNumber } from './exact-number.js';
import type { ColumnValue, RowImage } from './image-values.js';

/** Images with numbers that JSON.stringify doesn't give as they are. */
const exactImages = new WeakSet<RowImage>();

/** Notes that an image has to be written by {@link exactJson}. */
export function noteExact(image: RowImage): void {
  exactImages.add(image);
}

/** Whether JSON.stringify would change an image: -0 to 0, or a number of many digits to text. */
export function needsExactJson(image: RowImage | undefined): boolean {
  return image !== undefined && exactImages.has(image);
}

/** JSON of an image with every digit, and with -0. */
export function exactJson(value: ColumnValue): string {
  if (value instanceof ExactNumber) return value.text;
  if (Object.is(value, -0)) return '-0';
  if (isList(value)) return `[${value.map((item) => exactJson(item)).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${exactJson(member)}`)
    .join()}}`;
}

function isList(value: ColumnValue): value is readonly ColumnValue[] {
  return Array.isArray(value);
}
