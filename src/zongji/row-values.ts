import { bitBytesOf, columnTypes } from '../decode/column-types.js';
import { ExactNumber } from '../decode/exact-number.js';
import type { ColumnValue, RowImage } from '../decode/image-values.js';
import { type Column, nameOfColumn } from '../decode/column.js';
import type { TableLayout } from '../decode/table-layout.js';
import { dateOf, timestampOf, timestampText } from './dates.js';
import { membersOf, spacedJson } from './printed-json.js';
import type { DateType, ValueSettings } from './value-settings.js';

/** A row as zongji has it: values by column. */
export type RowData = Record<string, unknown>;

/** Makes a value of ours one of zongji's. */
type Render = (value: ColumnValue, json: string | null, name: string) => unknown;

/** Makes the images of one table's rows what zongji gives, in place of the values that look different there. */
export class RowValues {
  readonly #renders: readonly (readonly [name: string, render: Render])[];

  constructor({ columns }: TableLayout, settings: ValueSettings) {
    this.#renders = columns.flatMap((column, index) => {
      const render = renderOf(column, settings);
      return render === null ? [] : [[nameOfColumn(column, index), render] as const];
    });
  }

  /**
   * Makes an image a row, in place: it is nobody else's. Columns that the image lacks are absent.
   * @param json the image's own JSON, where JSON.stringify would give another one.
   */
  row(image: RowImage, json: string | null = null): RowData {
    const row: RowData = image;
    for (const [name, render] of this.#renders) {
      const value = Object.hasOwn(image, name) ? image[name] : undefined;
      // It has a property of that name, so that it is set, also where it is called `__proto__`.
      if (value !== undefined && value !== null) row[name] = render(value, json, name);
    }
    return row;
  }
}

const t = columnTypes;

/** How a column's values are made zongji's; null where they are the same. */
function renderOf(column: Column, settings: ValueSettings): Render | null {
  const { type, metadata, special, unsigned } = column;
  switch (type) {
    case t.tiny:
    case t.short:
    case t.int24:
    case t.long:
    case t.longLong:
      return unsigned === null ? bytesOrSame : null;
    case t.newDecimal:
      return settings.decimalNumbers ? Number : null;
    case t.bit:
      return bitBytes(bitBytesOf(metadata));
    case t.json:
      return settings.jsonStrings ? jsonText : jsonValue;
    case t.geometry:
      return geometry;
    case t.float:
    case t.double:
    case t.vector:
    case t.year:
    case t.time:
    case t.time2:
      return null;
    default:
      return dateRender(type, settings) ?? (special === null ? bytesOrSame : specialRender(column));
  }
}

function dateRender(type: number, settings: ValueSettings): Render | null {
  const { dateStrings, offsetMinutes } = settings;
  const dated = (name: DateType, render: Render): Render => (dateStrings.has(name) ? same : render);
  switch (type) {
    case t.date:
      return dated('DATE', (value) => dateOf(textOf(value), offsetMinutes));
    case t.dateTime:
    case t.dateTime2:
      return dated('DATETIME', (value) => dateOf(textOf(value), offsetMinutes));
    case t.timestamp:
    case t.timestamp2:
      return dateStrings.has('TIMESTAMP')
        ? (value) => timestampText(textOf(value), offsetMinutes)
        : (value) => timestampOf(textOf(value));
    default:
      return null;
  }
}

const same: Render = (value) => value;

/** A value that a column's type makes text or a number. */
function textOf(value: ColumnValue): string {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '';
}

/** Bytes as a Buffer: binary columns, and text that isn't any of its character set. */
const bytesOrSame: Render = (value) => bytesOf(value) ?? value;

function bytesOf(value: ColumnValue | undefined): Buffer | null {
  if (!isObject(value)) return null;
  const base64 = value['$base64'];
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null;
}

function isObject(value: ColumnValue | undefined): value is Readonly<Record<string, ColumnValue>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

function isList(value: ColumnValue | undefined): value is readonly ColumnValue[] {
  return Array.isArray(value);
}

/** BIT: its bytes, the highest first. */
function bitBytes(size: number): Render {
  return (value) =>
    Buffer.from(
      BigInt(textOf(value))
        .toString(16)
        .padStart(size * 2, '0'),
      'hex',
    );
}

/** MariaDB's VECTOR: its bytes, as queries give them; the others are text. */
function specialRender({ special }: Column): Render {
  if (special !== 'vector') return same;
  return (value) => {
    if (!isList(value)) return bytesOrSame(value, null, '');
    const bytes = Buffer.alloc(value.length * 4);
    value.forEach((number, index) => bytes.writeFloatLE(Number(number), index * 4));
    return bytes;
  };
}

/** What a document is wrapped into so that it can be told from SQL's NULL, or from a mark of ours. */
const wrapped = '$json';

/** A document of its own may have such a key, too, but not as its only one. */
function isWrapped(value: ColumnValue): value is Readonly<Record<string, ColumnValue>> {
  return isObject(value) && Object.hasOwn(value, wrapped) && Object.keys(value).length === 1;
}

/** JSON of MySQL, parsed. A number that JavaScript has not is text with all its digits. */
const jsonValue: Render = (value, json) => {
  const document = isWrapped(value) ? (value[wrapped] ?? null) : value;
  return json === null ? document : plainNumbers(document);
};

function plainNumbers(value: ColumnValue): ColumnValue {
  if (value instanceof ExactNumber) return value.text;
  if (isList(value)) return value.map(plainNumbers);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plainNumbers(member)]));
}

/** JSON of MySQL as the server prints it. */
const jsonText: Render = (value, json, name) => {
  const text = (json === null ? undefined : membersOf(json).get(name)) ?? JSON.stringify(value);
  return spacedJson(isWrapped(value) ? (membersOf(text).get(wrapped) ?? text) : text);
};

/**
 * Points as `{x, y}`, everything else as lists of them, as mysql2 has geometries; kind and SRID are not told. What is no
 * geometry is bytes, and null where there are none.
 */
const geometry: Render = (value) => {
  const bytes = bytesOf(value);
  if (bytes === null) return shapeOf(value);
  return bytes.length === 0 ? null : bytes;
};

function shapeOf(value: ColumnValue): unknown {
  if (!isObject(value)) return value;
  const { coordinates, geometries } = value;
  if (isList(geometries)) return geometries.map(shapeOf);
  return coordinates === undefined ? value : pointsOf(coordinates);
}

function pointsOf(coordinates: ColumnValue): unknown {
  if (!isList(coordinates)) return coordinates;
  const [x, y] = coordinates;
  return typeof x === 'number' ? { x, y } : coordinates.map(pointsOf);
}
