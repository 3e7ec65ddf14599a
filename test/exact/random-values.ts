import type { Vendor } from '../servers/index.js';
import type { Random } from '../support/random.js';
import type { Sample } from './samples.js';

/** A value for a column of a sample's type, as an SQL expression: any value that the type has, or one of its edges. */
export function randomValue(sample: Sample, random: Random, vendor: Vendor): string {
  const edges = sample.values.filter((value) => value.length < 400 && !/\d{4,}\)/.test(value));
  const made = random.chance(0.6) ? madeValue(sample, random, vendor) : null;
  return made ?? (edges.length > 0 ? random.pick(edges) : 'NULL');
}

const hexOf = (bytes: Buffer): string => `x'${bytes.toString('hex')}'`;

/** The number in parentheses behind the type's name. */
const sizeOf = (type: string, otherwise: number): number => Number(/\((\d+)/.exec(type)?.[1] ?? otherwise);

/** Null where a type has its samples alone. */
function madeValue({ type, as }: Sample, random: Random, vendor: Vendor): string | null {
  switch (as) {
    case 'integer':
      return integer(type, random);
    case 'decimal':
      return decimal(type, random);
    case 'float':
      return type.includes('UNSIGNED') ? null : number(Math.fround(random.bytes(4).readFloatLE()));
    case 'double':
      return number(random.bytes(8).readDoubleLE());
    case 'bit':
      return `b'${digits(random, sizeOf(type, 1), 1)}'`;
    case 'year':
      return random.chance(0.1) ? '0' : String(random.between(1901, 2155));
    case 'temporal':
      return temporal(type, random);
    case 'text':
      if (/^(ENUM|SET)/.test(type)) return null;
      return text(characters(random, Math.min(sizeOf(type, 80), 80)));
    case 'binary':
      return hexOf(random.bytes(random.between(0, Math.min(sizeOf(type, 200), 200))));
    case 'json':
    case 'jsonText':
      return text(document(random, 4));
    case 'geometry':
      return /^(GEOMETRY|POINT)$/.test(type) ? geometry(type, random) : null;
    case 'vector': {
      const numbers = Array.from({ length: sizeOf(type, 1) }, () =>
        vectorNumber(random.bytes(4).readFloatLE()),
      );
      return `${vendor === 'mysql' ? 'TO_VECTOR' : 'VEC_FromText'}('[${numbers.map((value) => value.toExponential()).join()}]')`;
    }
    case 'address':
      return `'${address(type, random)}'`;
    case 'bytesOfSet':
      return null;
  }
}

/** MySQL refuses numbers that are closer to 0 than normal ones. */
const vectorNumber = (value: number): number => (Math.abs(value) < 2 ** -126 ? 0 : finite(value));

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

function number(value: number): string {
  return Object.is(finite(value), -0) ? '-0e0' : finite(value).toExponential();
}

function digits(random: Random, count: number, highest = 9): string {
  return Array.from({ length: count }, () => random.between(0, highest)).join('');
}

const integerBits: Readonly<Record<string, number>> = {
  TINYINT: 8,
  SMALLINT: 16,
  MEDIUMINT: 24,
  INT: 32,
  BIGINT: 64,
};

function integer(type: string, random: Random): string | null {
  const bits = integerBits[/^\w+/.exec(type)?.[0] ?? ''];
  if (bits === undefined) return null;
  // Small ones come as often as large ones.
  const value = random.bytes(8).readBigUInt64LE() >> BigInt(random.between(64 - bits, 63));
  return String(type.includes('UNSIGNED') ? value : BigInt.asIntN(bits, value));
}

function decimal(type: string, random: Random): string {
  const [, precision = 10, scale = 0] = (/\((\d+),(\d+)\)/.exec(type) ?? []).map(Number);
  const whole = digits(random, random.between(0, precision - scale)) || '0';
  const fraction = digits(random, random.between(0, scale));
  return `${random.chance(0.5) && !type.includes('UNSIGNED') ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function temporal(type: string, random: Random): string {
  const two = (low: number, high: number): string => String(random.between(low, high)).padStart(2, '0');
  const fraction = random.chance(0.5) ? `.${digits(random, 6)}` : '';
  const clock = `${two(0, 58)}:${two(0, 58)}${fraction}`;
  if (type.startsWith('TIME(')) return `'${random.chance(0.5) ? '-' : ''}${two(0, 837)}:${clock}'`;
  const [first, last] = type.startsWith('TIMESTAMP') ? [1971, 2037] : [0, 9999];
  const date = `${String(random.between(first, last)).padStart(4, '0')}-${two(1, 12)}-${two(1, 28)}`;
  return type === 'DATE' ? `'${date}'` : `'${date} ${two(0, 23)}:${clock}'`;
}

function text(value: string): string {
  return `_utf8mb4 ${hexOf(Buffer.from(value))}`;
}

/** Ranges of characters; those that escapes, encodings and comparisons stumble over come as often as others. */
const ranges = [
  [0x20, 0x7e],
  [0x00, 0x1f],
  [0x22, 0x27],
  [0x5c, 0x5c],
  [0x7f, 0xff],
  [0x100, 0x7ff],
  [0x2000, 0x206f],
  [0x4e00, 0x9fff],
  [0xe000, 0xffff],
  [0x1_0000, 0x10_ffff],
] as const;

function characters(random: Random, most: number): string {
  const point = (): number => {
    const [low, high] = random.pick(ranges);
    return random.between(low, high);
  };
  const points = Array.from({ length: random.between(0, most) }, point);
  return String.fromCodePoint(...points);
}

function document(random: Random, depth: number): string {
  const list = (item: () => string): string => Array.from({ length: random.between(0, 5) }, item).join();
  switch (random.between(depth > 0 ? 0 : 2, 9)) {
    case 0:
      return `[${list(() => document(random, depth - 1))}]`;
    case 1:
      return `{${list(() => `${JSON.stringify(key(random))}:${document(random, depth - 1)}`)}}`;
    case 2:
      return random.pick(['null', 'true', 'false']);
    case 3:
      return String(random.bytes(8).readBigInt64LE() >> BigInt(random.between(0, 63)));
    case 4:
      return String(random.bytes(8).readBigUInt64LE());
    case 5:
      return `${random.between(-99, 99)}.${digits(random, random.between(1, 15))}`;
    case 6:
      return finite(random.bytes(8).readDoubleLE()).toExponential();
    default:
      return JSON.stringify(characters(random, 20));
  }
}

function key(random: Random): string {
  return random.pick([
    'a',
    'b',
    '1',
    '10',
    '',
    '$base64',
    '$json',
    '__proto__',
    'constructor',
    characters(random, 8),
  ]);
}

function geometry(type: string, random: Random): string {
  const point = (): string => `${coordinate(random)} ${coordinate(random)}`;
  const points = (): string => Array.from({ length: random.between(2, 5) }, point).join();
  const shape = type === 'POINT' ? 0 : random.between(0, 3);
  if (shape === 0) return `ST_GeomFromText('POINT(${point()})')`;
  if (shape === 1) return `ST_GeomFromText('LINESTRING(${points()})')`;
  if (shape === 2) return `ST_GeomFromText('MULTIPOINT(${points()})')`;
  return `ST_GeomFromText('GEOMETRYCOLLECTION(POINT(${point()}),LINESTRING(${points()}))')`;
}

/** Of sizes that both vendors print in full. */
function coordinate(random: Random): string {
  return String(random.between(-1_000_000_000, 1_000_000_000) / 2 ** random.between(0, 12));
}

function address(type: string, random: Random): string {
  if (type === 'INET4') return [...random.bytes(4)].join('.');
  if (type === 'UUID') {
    const hex = random.bytes(16).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
  return Array.from({ length: 8 }, () =>
    random.chance(0.5) ? '0' : random.between(0, 0xffff).toString(16),
  ).join(':');
}
