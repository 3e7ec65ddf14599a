import type { UserVariableValue } from '../binlog/statement-context.js';
import { WaymarkError } from '../util/errors.js';
import { charsetOfCollation } from './charset.js';
import type { ColumnValue } from './image-values.js';
import { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';
import { decimalReader } from './numbers.js';
import { textOf } from './statement-text.js';

/**
 * The value of a user variable, in the form of a column's value: text in its own character set, `$base64` for
 * invalid bytes, and text for numbers that a JavaScript number can't hold.
 * @throws WaymarkError `unsupported-event` for a value that is none of its type.
 */
export function variableValue(value: UserVariableValue): ColumnValue {
  switch (value.kind) {
    case 'null':
      return null;
    case 'integer':
      return exactInteger(value.value);
    case 'real':
      return Object.is(value.value, -0) ? '-0' : value.value;
    case 'decimal':
      return decimalText(value.precision, value.scale, value.bytes);
    case 'text': {
      const write = charsetOfCollation(value.collation)?.write ?? null;
      const text = write === null ? null : textOf(write, value.bytes);
      return text ?? { $base64: value.bytes.toString('base64') };
    }
  }
}

/** A whole number, as text where a JavaScript number can't hold it. */
export function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function decimalText(precision: number, scale: number, bytes: Buffer): string {
  const out = new JsonWriter(128);
  try {
    const end = decimalReader(precision, scale, false)(bytes, 0, out);
    if (end !== bytes.length)
      throw new Malformed(`a DECIMAL(${precision},${scale}) of ${bytes.length} bytes`);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new WaymarkError('unsupported-event', `A user variable can not be read: it holds ${error.message}`);
  }
  return out.bytes.toString('latin1', 0, out.at);
}
