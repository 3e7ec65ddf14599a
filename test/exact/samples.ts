import type { TestServer, Vendor } from '../servers/index.js';
import type { ComparisonName } from './comparison.js';

/** A column's type, SQL expressions of values to store in it, and how they are compared. */
export type Sample = {
  readonly type: string;
  readonly values: readonly string[];
  readonly as: ComparisonName;
  readonly only?: Vendor;
  /** Who has the type: 10.11 lacks VECTOR. */
  readonly since?: readonly [major: number, minor: number];
};

const bits = (...values: string[]): string[] => values.map((value) => `b'${value}'`);
const quoted = (...values: string[]): string[] => values.map((value) => `'${value}'`);
const digits = (whole: number, fraction: number): string =>
  `${'9'.repeat(whole)}${fraction > 0 ? `.${'9'.repeat(fraction)}` : ''}`;

const times = [
  '00:00:00',
  '-00:00:01',
  '-01:00:00',
  '-00:59:59',
  '838:59:59',
  '-838:59:59',
  '100:00:00',
  '23:59:59',
];
const fractions = (text: string): string[] =>
  ['', '.1', '.01', '.999999', '.000001', '.5', '.123456'].map((f) => text + f);

const integers: Sample[] = (
  [
    ['TINYINT', 8],
    ['SMALLINT', 16],
    ['MEDIUMINT', 24],
    ['INT', 32],
    ['BIGINT', 64],
  ] as const
).flatMap(([type, size]) => {
  const half = 2n ** BigInt(size - 1);
  const texts = (values: bigint[]): string[] => values.map(String);
  const around = size === 64 ? [2n ** 53n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 32n, 2n ** 32n - 1n] : [];
  return [
    {
      type,
      as: 'integer' as const,
      values: texts([
        -half,
        half - 1n,
        0n,
        -1n,
        1n,
        9n,
        10n,
        99n,
        100n,
        ...around,
        ...around.map((value) => -value),
      ]),
    },
    {
      type: `${type} UNSIGNED`,
      as: 'integer' as const,
      values: texts([2n * half - 1n, half, half - 1n, 0n, 1n, ...around]),
    },
  ];
});

const decimals: Sample[] = (
  [
    [65, 30],
    [65, 0],
    [30, 30],
    [10, 0],
    [9, 9],
    [18, 9],
    [19, 10],
    [1, 0],
    [1, 1],
    [5, 2],
    [38, 19],
    [20, 2],
  ] as const
).map(([precision, scale]) => ({
  type: `DECIMAL(${precision},${scale})`,
  as: 'decimal',
  values: [
    ...[
      digits(precision - scale, scale),
      `-${digits(precision - scale, scale)}`,
      '0',
      '-0',
      '-0.0',
      '0.5',
      '-0.5',
    ],
    ...[
      '1',
      '-1',
      '1e-30',
      '-1e-30',
      '0.000000001',
      '1234567890.0123456789',
      '100000000',
      '1000000000',
      '-1e9',
    ],
  ],
}));

const doubles = [
  ...[
    '0.1',
    '-1.7976931348623157e308',
    '2.2250738585072014e-308',
    '4.9e-324',
    '1e0',
    '0.30000000000000004',
    '-0e0',
  ],
  ...[
    '1e21',
    '1e22',
    '123456789012345680000',
    '-1e-7',
    '9007199254740993',
    '2147483647',
    '2147483648',
    '-2147483648',
  ],
];

const dates = [
  '2026-11-21',
  '0000-00-00',
  '1000-01-01',
  '9999-12-31',
  '2026-00-00',
  '2026-02-00',
  '0001-01-01',
  '2024-02-29',
];

const strings = [
  ...[
    "''",
    "'a'",
    "' a '",
    "'Zwölf'",
    "'\"\\\\\\n\\r\\t\\0\\b'",
    'CHAR(0x01 USING utf8mb4)',
    'CHAR(0x1f,0x7f USING utf8mb4)',
  ],
  ...["'漢字'", "'null'", "'{}'", "'€ß'"],
];

const points = [
  ...[
    'POINT(1.5 -2)',
    'POINT(0 0)',
    'POINT(-0.1 1e-10)',
    'LINESTRING(0 0, 1 1, 2 5.25)',
    'POLYGON((0 0,10 0,10 10,0 10,0 0))',
  ],
  'POLYGON((0 0,10 0,10 10,0 10,0 0),(1 1,2 1,2 2,1 2,1 1))',
  ...['MULTIPOINT((1 2),(3 4))', 'MULTILINESTRING((0 0,1 1),(2 2,3 3,4 4))'],
  'MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)),((5 5,6 5,6 6,5 6,5 5)))',
  'GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))',
  'GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2)),POLYGON((0 0,1 0,1 1,0 1,0 0)))',
];

/** Documents as text. */
const documents = [
  ...[
    '{}',
    '[]',
    'null',
    'true',
    'false',
    '"text"',
    '""',
    '0',
    '-1',
    '1',
    '32767',
    '32768',
    '65535',
    '65536',
    '-32768',
    '-32769',
  ],
  ...['2147483647', '2147483648', '4294967295', '4294967296', '9007199254740993', '9223372036854775807'],
  ...[
    '-9223372036854775808',
    '18446744073709551615',
    '1.5',
    '2.0',
    '-0.0',
    '1e100',
    '1e-7',
    '0.1',
    '1.7976931348623157e308',
  ],
  '{"a": [1, 2.5, "x", null, true, false], "ä": {"b": {}}, "big": 9007199254740991}',
  '{"bb": 1, "a": 2, "c": 3, "aa": 4, "": 5}',
  '{"__proto__": {"x": 1}, "constructor": 2, "toString": null}',
  '{"$base64": "AAAA"}',
  '{"$json": null}',
  '[null]',
  '{"a": null}',
  '["\\\\u0000\\\\n\\\\"", "é", "漢", "💡"]',
  '[[[[[[[[[[1]]]]]]]]]]',
];

/** Documents that only SQL can make. */
const builtDocuments = [
  ...[
    'CAST(1.10 AS JSON)',
    'CAST(-12345678901234567890.123456789012345678901234567890 AS JSON)',
    'JSON_ARRAY(0.0, -0.5, 1e0)',
  ],
  "JSON_OBJECT('d', CAST('2026-11-21' AS DATE), 't', CAST('-838:59:59.000001' AS TIME(6)), 'dt', CAST('2026-11-21 20:14:53.25' AS DATETIME(6)))",
  ...[
    "CAST(TIMESTAMP('2026-11-21 20:14:53') AS JSON)",
    "CAST(CAST('20:14:53' AS TIME) AS JSON)",
    "CAST(CAST('0000-00-00' AS DATE) AS JSON)",
  ],
  "JSON_ARRAY(x'00ff', CAST('abc' AS BINARY), b'1010', 18446744073709551615, TRUE, NULL)",
  ...["JSON_ARRAY(REPEAT('x', 127), REPEAT('y', 128), REPEAT('z', 20000))", "JSON_ARRAY(REPEAT('ä', 70000))"],
  "JSON_OBJECT('k', REPEAT('v', 70000), 'l', 70000, 'm', -70000, 'n', 3000000000, 'o', TRUE, 'p', 7)",
  "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'))",
  '(SELECT JSON_ARRAYAGG(n) FROM (WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT n FROM s) t)',
  "(SELECT JSON_OBJECTAGG(CONCAT('key', n), n * 1000) FROM (WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT n FROM s) t)",
  "JSON_SET('{\"a\": [1,2,3]}', '$.a[1]', CAST(99.50 AS DECIMAL(10,2)))",
];

export const samples: readonly Sample[] = [
  ...integers,
  ...decimals,
  { type: 'BOOLEAN', as: 'integer', values: ['TRUE', 'FALSE'] },
  { type: 'DECIMAL(20,2) UNSIGNED', as: 'decimal', values: ['123456789012345678.99', '0'] },
  {
    type: 'FLOAT',
    as: 'float',
    values: [
      ...[
        '0.1',
        '-3.4028235e38',
        '1.17549435e-38',
        '1.4e-45',
        '16777216',
        '16777217',
        '0',
        '-0e0',
        '1e10',
        '123456.789',
        '0.3',
      ],
      ...['1e-10', '8388608.5', '9999999', '33554432', '1e21'],
    ],
  },
  { type: 'FLOAT UNSIGNED', as: 'float', values: ['0.1', '7'] },
  { type: 'DOUBLE', as: 'double', values: doubles },
  { type: 'BIT(1)', as: 'bit', values: bits('1', '0') },
  { type: 'BIT(8)', as: 'bit', values: bits('10000001', '0') },
  { type: 'BIT(10)', as: 'bit', values: bits('1000000001', '11') },
  { type: 'BIT(33)', as: 'bit', values: ['0x1FFFFFFFF', '0x100000000', '5'] },
  {
    type: 'BIT(64)',
    as: 'bit',
    values: ['0xFFFFFFFFFFFFFFFF', '0x001FFFFFFFFFFFFF', '0x0020000000000000', '1'],
  },
  { type: 'YEAR', as: 'year', values: ['2026', '1901', '2155', '0'] },
  { type: 'DATE', as: 'temporal', values: quoted(...dates) },
  ...[0, 1, 2, 3, 4, 5, 6].flatMap((digits): Sample[] => [
    {
      type: `TIME(${digits})`,
      as: 'temporal',
      values: quoted(
        ...times,
        ...times
          .slice(0, -1)
          .flatMap((time) =>
            fractions(time).map((text) => (/^-?838/.test(text) ? text.replace('59.', '58.') : text)),
          ),
      ),
    },
    {
      type: `DATETIME(${digits})`,
      as: 'temporal',
      values: quoted(
        ...dates,
        ...fractions('2026-11-21 20:14:53'),
        ...fractions('1000-01-01 00:00:00'),
        ...fractions('9999-12-31 23:59:58'),
      ),
    },
    {
      type: `TIMESTAMP(${digits}) NULL`,
      as: 'temporal',
      values: quoted(
        ...fractions('2026-11-21 20:14:53'),
        ...['1970-01-01 00:00:01', '2038-01-19 03:14:07', '0000-00-00 00:00:00'],
        ...fractions('1999-12-31 23:59:58'),
      ),
    },
  ]),
  {
    type: 'TIMESTAMP(6) NULL',
    as: 'temporal',
    only: 'mariadb',
    since: [11, 5],
    values: quoted('2038-01-19 03:14:08', '2106-02-07 06:28:15.999999', '2100-01-01 00:00:00'),
  },
  { type: 'CHAR(20) CHARACTER SET utf8mb4', as: 'text', values: [...strings, "'a   '", "REPEAT('💡', 20)"] },
  { type: 'CHAR(255) CHARACTER SET utf8mb4', as: 'text', values: [...strings, "REPEAT('💡', 255)"] },
  { type: 'CHAR(10) CHARACTER SET latin1', as: 'text', values: ["'äöü'", "'a  '", "'€'"] },
  { type: 'CHAR(5) CHARACTER SET utf16', as: 'text', values: ["'äöü'", "'a  '", "'💡'"] },
  { type: 'VARCHAR(20) CHARACTER SET utf8mb4', as: 'text', values: [...strings, "'a   '"] },
  { type: 'VARCHAR(1000) CHARACTER SET utf8mb4', as: 'text', values: [...strings, "REPEAT('ä', 1000)"] },
  { type: 'VARCHAR(63) CHARACTER SET utf8mb4', as: 'text', values: ["REPEAT('💡', 63)"] },
  { type: 'VARCHAR(64) CHARACTER SET utf8mb4', as: 'text', values: ["REPEAT('💡', 64)", "'x'"] },
  { type: 'VARCHAR(20) COLLATE utf8mb4_bin', as: 'text', values: ["'Zwölf'"] },
  { type: 'TINYTEXT', as: 'text', values: strings },
  { type: 'TEXT', as: 'text', values: [...strings, "REPEAT('ä', 30000)"] },
  { type: 'MEDIUMTEXT', as: 'text', values: ["REPEAT('x', 70000)", "REPEAT('\\n💡\"', 20000)"] },
  { type: 'LONGTEXT CHARACTER SET latin1', as: 'text', values: ["'äöü'", "REPEAT('x', 100000)"] },
  { type: 'BINARY(4)', as: 'binary', values: ["x'00ff0100'", "'a'", "x'00000000'", "''"] },
  { type: 'BINARY(16)', as: 'binary', values: ["x'00ff0100'", "x'ffffffffffffffffffffffffffffff00'"] },
  { type: 'BINARY(255)', as: 'binary', values: ["x'00ff0100'", "REPEAT(x'ff', 255)"] },
  { type: 'VARBINARY(300)', as: 'binary', values: ["x'00ff00'", "''", "REPEAT('x', 300)", "x'00'"] },
  { type: 'VARBINARY(16)', as: 'binary', values: ["x'00ff00'", "''"] },
  { type: 'TINYBLOB', as: 'binary', values: ["x'00ff'", "x'ff'", "x'ffffff'"] },
  { type: 'BLOB', as: 'binary', values: ["REPEAT(x'00ff', 30000)", "''"] },
  { type: 'MEDIUMBLOB', as: 'binary', values: ["REPEAT(x'fe', 70000)"] },
  { type: 'LONGBLOB', as: 'binary', values: ["REPEAT(x'01', 100000)"] },
  {
    type: "ENUM('a', 'it''s, b', 'c \"d\"', 'é', 'back\\\\slash') CHARACTER SET utf8mb4",
    as: 'text',
    values: ["'a'", "'it''s, b'", '\'c "d"\'', "'é'", "'nothing like it'", "'back\\\\slash'"],
  },
  {
    type: `ENUM(${Array.from({ length: 300 }, (_, index) => `'v${index}'`).join()})`,
    as: 'text',
    values: ["'v0'", "'v255'", "'v299'"],
  },
  { type: "ENUM('ä', '€') CHARACTER SET latin1", as: 'text', values: ["'ä'", "'€'"] },
  { type: "ENUM('ä', '漢') CHARACTER SET ucs2", as: 'text', values: ["'ä'", "'漢'"] },
  {
    type: "SET('a', 'it''s', 'c \"d\"', 'é')",
    as: 'text',
    values: ["'a'", "'it''s,é'", "''", "'a,it''s,c \"d\",é'"],
  },
  { type: "SET('ä', '€', 'x') CHARACTER SET utf16", as: 'text', values: ["'ä,x'", "'ä,€,x'", "''"] },
  {
    type: `SET(${Array.from({ length: 64 }, (_, index) => `'s${index}'`).join()})`,
    as: 'text',
    values: ["'s0,s31,s32,s63'", "''", '-1'],
  },
  { type: 'GEOMETRY', as: 'geometry', values: points.map((wkt) => `ST_GeomFromText('${wkt}')`) },
  {
    type: 'POINT',
    as: 'geometry',
    values: ["ST_GeomFromText('POINT(1.5 -2)')", "ST_GeomFromText('POINT(12.25 48.5)', 4326)"],
  },
  {
    type: 'GEOMETRY',
    as: 'geometry',
    values: ["ST_GeomFromText('LINESTRING(10 20, 11 21)', 4326)", "ST_GeomFromText('POINT(1 2)', 3857)"],
  },
  { type: 'GEOMETRYCOLLECTION', as: 'geometry', values: ["ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')"] },
  {
    type: 'JSON',
    as: 'json',
    only: 'mysql',
    values: [...documents.map((text) => `'${text}'`), ...builtDocuments],
  },
  ...['JSON', 'JSON COMPRESSED'].map((type) => ({
    ...{ type, as: 'jsonText' as const, only: 'mariadb' as const },
    values: documents.map((text) => `'${text}'`),
  })),
  { type: 'LONGTEXT COLLATE utf8mb4_bin', as: 'text', values: documents.map((text) => `'${text}'`) },
  {
    type: 'VECTOR(3)',
    as: 'vector',
    only: 'mysql',
    values: ["TO_VECTOR('[1,2.5,-0.1]')", "TO_VECTOR('[1e-10,3.4e38,-0]')"],
  },
  {
    type: 'VECTOR(2000)',
    as: 'vector',
    only: 'mysql',
    values: ["TO_VECTOR('[0.1]')", `TO_VECTOR('[${Array.from({ length: 2000 }, (_, n) => n / 7).join()}]')`],
  },
  {
    type: 'UUID',
    as: 'address',
    only: 'mariadb',
    values: [
      ...quoted(
        '123e4567-e89b-12d3-a456-426655440000',
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
      ),
      ...quoted(
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '0189d3c0-6a3c-7000-8000-00000000ff00',
        'f47ac10b-58cc-4372-a567-0e02b2c3d479',
      ),
      ...quoted('1ec9414c-232a-6b00-b3c8-9f6bdeced846', '320c3d4d-cc00-875b-8ec9-32d5f69181c0'),
    ],
  },
  {
    type: 'INET6',
    as: 'address',
    only: 'mariadb',
    values: quoted(
      ...[
        '2001:db8::ff00:42:8329',
        '::',
        '::1',
        '::ffff:1.2.3.4',
        '::1.2.3.4',
        '1::',
        'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      ],
      ...[
        '0:0:1::',
        '1:0:0:2:0:0:0:3',
        '::2:0',
        '1:2:3:4:5:6:7:0',
        '0:2:3:4:5:6:7:8',
        '1:0:3:0:5:0:7:8',
        '::ffff:0:0',
        '::ffff:0:1.2.3.4',
      ],
      ...['64:ff9b::1.2.3.4', '1::5:0:0:8', '0:0:0:0:1::', '::1:2:3', '::ffff:0.0.0.1', '::0.0.1.0'],
    ),
  },
  {
    type: 'INET4',
    as: 'address',
    only: 'mariadb',
    values: quoted('192.168.0.1', '0.0.0.0', '255.255.255.255', '10.0.0.0'),
  },
  {
    type: 'VECTOR(3)',
    as: 'vector',
    only: 'mariadb',
    since: [11, 7],
    values: ["VEC_FromText('[1,2.5,-0.1]')", "VEC_FromText('[1e-10,3.4e38,0]')", "VEC_FromText('[0,0,0]')"],
  },
  {
    type: 'VARCHAR(1000) COMPRESSED CHARACTER SET latin1',
    as: 'text',
    only: 'mariadb',
    values: ["''", "'ä'", "REPEAT('ä', 1000)"],
  },
  {
    type: 'VARCHAR(200) COMPRESSED CHARACTER SET utf8mb4',
    as: 'text',
    only: 'mariadb',
    values: ["''", "'ä'", "REPEAT('ä', 200)"],
  },
  { type: 'TEXT COMPRESSED', as: 'text', only: 'mariadb', values: ["''", "'ä'", "REPEAT('ä', 20000)"] },
  { type: 'LONGTEXT COMPRESSED', as: 'text', only: 'mariadb', values: ["REPEAT('ä', 200000)", "'x'"] },
  {
    type: 'BLOB COMPRESSED',
    as: 'binary',
    only: 'mariadb',
    values: ["''", "x'00'", "REPEAT(x'00ff', 20000)"],
  },
  {
    type: 'VARBINARY(300) COMPRESSED',
    as: 'binary',
    only: 'mariadb',
    values: ["''", "x'00'", "REPEAT(x'00ff', 150)"],
  },
];

/** Whether the server has the type. */
export function hasType(server: TestServer, { since }: Sample): boolean {
  return isSince(server, since);
}

/** Whether a server is of a version, or later. */
export function isSince(
  { version }: TestServer,
  since: readonly [major: number, minor: number] | undefined,
): boolean {
  if (since === undefined) return true;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > since[0] || (major === since[0] && minor >= since[1]);
}
