import { event, uint } from '../binlog/event-bytes.js';

/** A column of a table map to build. */
export type ColumnBytes = { readonly type: number; readonly metadata?: Buffer; readonly name?: string };

/** A field of optional metadata. */
export const field = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.of(type, value.length), value]);

const lengthAndText = (text: string): Buffer =>
  Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);

/** A TABLE_MAP_EVENT of `shop.orders`, with what of optional metadata is given. */
export function tableMap(
  columns: readonly ColumnBytes[],
  { fields = [], flags = 1 }: { fields?: readonly Buffer[]; flags?: number } = {},
): Buffer {
  const metadata = Buffer.concat(columns.map(({ metadata: bytes }) => bytes ?? Buffer.alloc(0)));
  const names = columns.some(({ name }) => name !== undefined)
    ? [field(4, Buffer.concat(columns.map(({ name }) => lengthAndText(name ?? ''))))]
    : [];
  const body = Buffer.concat([
    uint(7, 6),
    uint(flags, 2),
    lengthAndText('shop'),
    Buffer.of(0),
    lengthAndText('orders'),
    Buffer.of(0),
    Buffer.of(columns.length),
    Buffer.from(columns.map(({ type }) => type)),
    Buffer.of(metadata.length),
    metadata,
    Buffer.alloc((columns.length + 7) >> 3),
    ...names,
    ...fields,
  ]);
  return event({ type: 19 }, body);
}

/** What servers wrote for one and the same table, and for one of MariaDB's own types (bodies of table maps, in hex). */
export const recorded = {
  /**
   * `(a INT UNSIGNED, y YEAR, c CHAR(5) CHARACTER SET latin1, b BINARY(16), v VARCHAR(10) CHARACTER SET utf8mb4,
   * e ENUM('x','é') CHARACTER SET latin1, s SET('p','q') CHARACTER SET ucs2, g GEOMETRY, p POINT NOT NULL,
   * t TEXT CHARACTER SET big5, bl BLOB, f FLOAT UNSIGNED, bi BIT(10), j JSON, PRIMARY KEY (a, v(3)))`, MySQL 9.7.4
   */
  mysql:
    '6e000000000001000570726f626500027431000e030dfefe0ffefefffffcfc0410f512fe05fe102800f701f8010404020204020104ee3e0101e0' +
    '0307083ffcff00013f07020001041e016101790163016201760165017301670170017402626c0166026269016a0b020823050702020070020071' +
    '060502017801e90904000004030c02fffc',
  /** The same, MariaDB 10.11.18: GEOMETRY has a character set, and JSON is text. */
  mariadb:
    '15000000000001000570726f626500027431000e030dfefe0ffefefffffcfc0410fc12fe05fe102800f701f8010404020204020104ee3e0101e0' +
    '0308083f2d3f3f013f2e07020001041e016101790163016201760165017301670170017402626c0166026269016a0b0208230507020200700200' +
    '71060502017801e9090400000403',
  /**
   * `(c CHAR(5) CHARACTER SET latin1, u UUID, i4 INET4, i6 INET6, b BINARY(16), v VECTOR(3) NOT NULL,
   * vc VARCHAR(100) COMPRESSED CHARACTER SET big5, tc TEXT COMPRESSED, bc BLOB COMPRESSED, e ENUM('x'),
   * k VARCHAR(3) CHARACTER SET latin2)`, MariaDB 11.8.9
   */
  mariadbTypes:
    '18000000000001000570726f626500027432000bfefefefefe0f8d8c8cfe0f14fe05fe10fe04fe10fe100c00c9000202f7010300df07020b3f00' +
    '08060107fc00090909041b01630175026934026936016201760276630274630262630165016b0a03fc00090603010178',
} as const;

/** A recorded table map as an event. */
export const recordedMap = (name: keyof typeof recorded): Buffer =>
  event({ type: 19 }, Buffer.from(recorded[name], 'hex'));
