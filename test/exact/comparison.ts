import { withoutBlanks } from './json-cells.js';

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
    return json === (exact ? told : JSON.stringify(told));
  },
};

const base64Of = (hex: string): string =>
  JSON.stringify({ $base64: Buffer.from(hex, 'hex').toString('base64') });

/** JSON with its doubles in one form: the server writes 1e100 and 0.0000001 where JavaScript has 1e+100 and 1e-7. */
const sameForm = (json: string): string =>
  withoutBlanks(json).replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs, (token) =>
    !token.startsWith('"') && /[eE]|0\.00000/.test(token) ? String(Number(token)) : token,
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
      Object.is(Math.fround(Number(json)), Math.fround(Number(told))) && json.length <= 16,
  },
  double: { ask: asText, same: (json, told) => Object.is(Number(json), Number(told)) },
  temporal: { ask: asText, same: quoted },
  text: {
    ask: (column) => `HEX(CONVERT(${column} USING utf8mb4))`,
    same: (json, told) => JSON.parse(json) === Buffer.from(told, 'hex').toString('utf8'),
  },
  binary: { ask: asHex, same: (json, told) => json === base64Of(told) },
  json: {
    ask: asText,
    same: (json, told) => {
      const plain = sameForm(told);
      return (
        sameForm(json) ===
        (/^(null|\{"\$(json|base64)":(null|"AAAA")\})$/.test(plain) ? `{"$json":${plain}}` : plain)
      );
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

/** MySQL adds the reference system in its own way, and MariaDB writes whole numbers as doubles. */
function withoutCrs(geojson: string): unknown {
  const geometry = JSON.parse(geojson) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(geometry).filter(([name]) => name !== 'crs'));
}
