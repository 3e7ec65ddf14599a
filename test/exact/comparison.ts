import { namesTwice, withoutBlanks } from './json-cells.js';

/** How a type is held against the server's own SELECT: what is asked of the server, and what has to stand in the JSON. */
export type Comparison = {
  /** The SQL expression whose text the server is asked for. */
  readonly ask: (column: string) => string;
  /** Whether the cell's JSON says the same as the server. */
  readonly same: (json: string, told: string) => boolean;
};

const asText = (column: string): string => `CAST(${column} AS CHAR)`;
const asHex = (column: string): string => `HEX(${column})`;
const quoted = (json: string, told: string): boolean => json === JSON.stringify(told);

/** Whole numbers as they are where JavaScript can hold them, else as text. */
const integer: Comparison = {
  ask: asText,
  same: (json, told) => {
    const value = BigInt(told);
    const exact = value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER);
    // ZEROFILL is how the server shows a number.
    const digits = String(value);
    return json === (exact ? digits : JSON.stringify(digits));
  },
};

const base64Of = (hex: string): string =>
  JSON.stringify({ $base64: Buffer.from(hex, 'hex').toString('base64') });

/** Whether no decimal with fewer digits is the same single-precision number. */
function isShortestSingle(value: number): boolean {
  const digits = String(Math.abs(value))
    .replace(/e.*|\./g, '')
    .replace(/^0+|0+$/g, '').length;
  const single = Math.fround(value);
  return digits < 2 || Math.fround(Number(single.toPrecision(digits - 1))) !== single;
}

/** JSON with its doubles in one form: the server writes 1e100, 0.0000001 and 1e19 where JavaScript has 1e+100, 1e-7 and 10000000000000000000. */
const sameForm = (json: string): string =>
  withoutBlanks(json).replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs, (token) =>
    !token.startsWith('"') && /[eE]|0\.00000|\d{16}\.0$/.test(token) ? String(Number(token)) : token,
  );

const geometryOf = (json: string): unknown => {
  const { srid, ...geometry } = JSON.parse(json) as { srid: number };
  return [srid, geometry];
};

export const comparisons = {
  integer,
  decimal: { ask: asText, same: quoted },
  year: { ask: asText, same: (json, told) => json === String(Number(told)) },
  bit: { ...integer, ask: (column) => `CAST(CAST(${column} AS UNSIGNED) AS CHAR)` },
  float: {
    ask: (column) => `CAST(CAST(${column} AS DOUBLE) AS CHAR)`,
    same: (json, told) =>
      Object.is(Math.fround(Number(json)), Math.fround(Number(told))) && isShortestSingle(Number(json)),
  },
  double: { ask: asText, same: (json, told) => Object.is(Number(json), Number(told)) },
  temporal: { ask: asText, same: quoted },
  text: {
    ask: (column) => `HEX(CONVERT(${column} USING utf8mb4))`,
    same: (json, told) => JSON.parse(json) === Buffer.from(told, 'hex').toString('utf8'),
  },
  bytesOfSet: {
    ask: (column) => `CONCAT(HEX(${column}), ' ', HEX(CONVERT(${column} USING utf8mb4)))`,
    same: (json, told) => {
      const [raw = '', text = ''] = told.split(' ');
      return isCharacter(told)
        ? JSON.parse(json) === Buffer.from(text, 'hex').toString('utf8')
        : json === base64Of(raw);
    },
  },
  binary: { ask: asHex, same: (json, told) => json === base64Of(told) },
  json: {
    ask: asText,
    same: (json, told) => {
      const plain = sameForm(told);
      return sameForm(json) === (needsMark(JSON.parse(told)) ? `{"$json":${plain}}` : plain);
    },
  },
  /** JSON that is stored as text: digits stay, strings have the escapes that they need. */
  jsonText: {
    ask: (column) => `HEX(${column})`,
    same: (json, told) => {
      const stored = Buffer.from(told, 'hex').toString('utf8');
      if (namesTwice(stored)) return json === JSON.stringify({ $text: stored });
      const text = withoutBlanks(stored);
      const plain = text.replace(/"(?:[^"\\]|\\.)*"/gs, (token) => JSON.stringify(JSON.parse(token)));
      return json === (needsMark(JSON.parse(text)) ? `{"$json":${plain}}` : plain);
    },
  },
  geometry: {
    ask: (column) => `CONCAT(ST_SRID(${column}), ' ', ST_AsGeoJSON(${column}))`,
    same: (json, told) => {
      const [, srid = '', geojson = ''] = /^(\d+) (.*)$/s.exec(told) ?? [];
      return JSON.stringify(geometryOf(json)) === JSON.stringify([Number(srid), withoutCrs(geojson)]);
    },
  },
  vector: {
    ask: asHex,
    same: (json, told) => {
      const bytes = Buffer.from(told, 'hex');
      const numbers = JSON.parse(json) as number[];
      return (
        numbers.length * 4 === bytes.length &&
        numbers.every((number, index) => Object.is(Math.fround(number), bytes.readFloatLE(4 * index)))
      );
    },
  },
  address: { ask: asText, same: quoted },
} as const satisfies Record<string, Comparison>;

export type ComparisonName = keyof typeof comparisons;

/** Whether a document of MySQL is wrapped: it would be taken for SQL's NULL, or for a mark of ours. */
function needsMark(document: unknown): boolean {
  if (typeof document !== 'object' || Array.isArray(document)) return false;
  const keys = Object.keys(document ?? {});
  return document === null || (keys.length === 1 && keys[0]?.startsWith('$') === true);
}

/**
 * Whether what the server told for `bytesOfSet` is text of the set. The server shows a question mark for what is no
 * character of it; no other character has the byte of one in it.
 */
export function isCharacter(told: string): boolean {
  const [raw = '', text = ''] = told.split(' ');
  const marks = Buffer.from(raw, 'hex').filter((byte) => byte === 0x3f).length;
  return Buffer.from(text, 'hex').toString('utf8').split('?').length - 1 === marks;
}

/** MySQL adds the reference system in its own way, and MariaDB writes whole numbers as doubles. */
function withoutCrs(geojson: string): unknown {
  const geometry = JSON.parse(geojson) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(geometry).filter(([name]) => name !== 'crs'));
}
