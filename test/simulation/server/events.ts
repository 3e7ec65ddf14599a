import { EventType } from '../../../src/binlog/event.js';
import type { RowOperation } from '../../../src/binlog/rows-event.js';
import { columnTypes } from '../../../src/decode/column-types.js';
import type { Vendor } from '../../../src/mysql/version.js';
import { packed, packedText, uint, uuidBytes } from './bytes.js';
import { leastPackedBytes, packedByMariadb, packedTypes } from './compression.js';
import {
  type Column,
  collations,
  imageBytes,
  type Row,
  type TableDefinition,
  varcharBytes,
  writeImage,
} from './tables.js';
import type { RowChange } from './transaction.js';

/**
 * Binary log events, byte for byte as MySQL 8.4 and MariaDB 10.11 write them (MySQL: libs/mysql/binlog/event; MariaDB:
 * sql/log_event.h). An event is a draft until it has its place in a file.
 */
export type Draft = {
  readonly type: number;
  readonly body: Buffer;
  /** Of the header. */
  readonly flags?: number;
};

/** Bytes of an event beside its body: the header before it, the checksum behind it. */
export const frameBytes = 23;

/** Flags of headers. */
export const headerFlags = {
  /** LOG_EVENT_BINLOG_IN_USE_F: of a file that has not been closed. No checksum counts it. */
  inUse: 0x01,
  /** LOG_EVENT_SUPPRESS_USE_F: the statement has no default schema to set. */
  suppressUse: 0x08,
  /** LOG_EVENT_ARTIFICIAL_F */
  artificial: 0x20,
  /** LOG_EVENT_IGNORABLE_F */
  ignorable: 0x80,
} as const;

/** Types with a fixed part of their body, by their numbers, and its length; of all others it is 0. */
const postHeaders = {
  mysql: {
    types: 42,
    lengths: [
      ...[
        [2, 13],
        [4, 8],
        [9, 4],
        [11, 4],
        [15, 99],
        [17, 4],
        [18, 26],
        [19, 8],
        [23, 8],
        [24, 8],
        [25, 8],
      ],
      ...[
        [26, 2],
        [30, 10],
        [31, 10],
        [32, 10],
        [33, 42],
        [34, 42],
        [36, 18],
        [37, 52],
        [39, 10],
        [40, 40],
      ],
    ],
  },
  mariadb: {
    types: 171,
    lengths: [
      ...[
        [1, 56],
        [2, 13],
        [4, 8],
        [6, 18],
        [8, 4],
        [9, 4],
        [10, 4],
        [11, 4],
        [12, 18],
        [15, 228],
        [17, 4],
      ],
      ...[
        [18, 26],
        [19, 8],
        [23, 8],
        [24, 8],
        [25, 8],
        [26, 2],
        [30, 10],
        [31, 10],
        [32, 10],
        [39, 10],
      ],
      ...[
        [40, 10],
        [41, 10],
        [161, 4],
        [162, 19],
        [163, 4],
        [165, 13],
        [166, 8],
        [167, 8],
        [168, 8],
      ],
      ...[
        [169, 10],
        [170, 10],
        [171, 10],
      ],
    ],
  },
} as const;

/** CRC32, as a format description names it. */
const checksumAlgorithm = 1;

/**
 * FORMAT_DESCRIPTION_EVENT: the format's version (2), the server's (50), when the server was started if this is its first
 * log (4), the header's length (1), that of each type's fixed part, the checksums' algorithm (1).
 */
export function formatDescription(vendor: Vendor, version: string, startedSecond: number): Draft {
  const name = Buffer.alloc(50);
  name.write(version, 'latin1');
  const { types, lengths } = postHeaders[vendor];
  const fixed = Buffer.alloc(types);
  for (const [type, length] of lengths) fixed.writeUInt8(length, type - 1);
  return {
    type: EventType.formatDescription,
    body: Buffer.concat([
      uint(4, 2),
      name,
      uint(startedSecond, 4),
      uint(19, 1),
      fixed,
      uint(checksumAlgorithm, 1),
    ]),
    flags: headerFlags.inUse,
  };
}

/** What stands behind a format description: what GTIDs stand before it, and, on MariaDB, the files to recover from. */
export function fileHead(vendor: Vendor, gtids: Buffer, files: readonly string[]): Draft[] {
  if (vendor === 'mysql') {
    return [{ type: EventType.previousGtids, body: gtids, flags: headerFlags.ignorable }];
  }
  const checkpoints = files.map((file): Draft => ({
    type: EventType.mariadbBinlogCheckpoint,
    body: Buffer.concat([uint(file.length, 4), Buffer.from(file)]),
  }));
  // A list without an entry is two bytes longer than it need be.
  const list = gtids.length > 4 ? gtids : Buffer.concat([gtids, Buffer.alloc(2)]);
  return [{ type: EventType.mariadbGtidList, body: list }, ...checkpoints];
}

/** ROTATE_EVENT: the position in the next file (8), its name. */
export function rotate(file: string, position: number, flags = 0): Draft {
  return { type: EventType.rotate, body: Buffer.concat([uint(position, 8), Buffer.from(file)]), flags };
}

/** STOP_EVENT: the server was shut down. */
export const stop: Draft = { type: EventType.stop, body: Buffer.alloc(0) };

/** HEARTBEAT_LOG_EVENT: the name of the file that the dump is in; its header has the position. */
export function heartbeat(file: string): Draft {
  return { type: EventType.heartbeat, body: Buffer.from(file) };
}

/** XID_EVENT: the number under which the engine has committed. */
export function xid(number: number): Draft {
  return { type: EventType.xid, body: uint(number, 8) };
}

/** What a GTID event of MySQL says. */
export type MysqlGtid = {
  /** FLAG_MAY_HAVE_SBR: the group may hold statements. */
  readonly mayHaveStatements: boolean;
  /** Null: the transaction has none. */
  readonly gtid: { readonly uuid: string; readonly number: number } | null;
  /** Its number in the file. */
  readonly sequence: number;
  /** When it was committed here, and where it was born: microseconds since 1970. */
  readonly committedHere: number;
  readonly committed: number;
  /** Bytes of the group's other events. */
  readonly otherBytes: number;
  /** `80403` for 8.4.3. */
  readonly serverVersion: number;
};

/** Of an immediate commit time: the original one stands behind it. */
const separateTime = 1n << 55n;

/**
 * GTID_LOG_EVENT or ANONYMOUS_GTID_LOG_EVENT: flags (1), UUID (16), number (8), the logical clock's type (1), last_committed
 * (8), sequence_number (8), the commit times (7 each), the whole group's length (packed), the server's version (4).
 */
export function mysqlGtid(of: MysqlGtid): Draft {
  const { gtid, sequence, committed, committedHere } = of;
  const isOwn = committed === committedHere;
  const before = Buffer.concat([
    uint(of.mayHaveStatements ? 1 : 0, 1),
    gtid === null ? Buffer.alloc(16) : uuidBytes(gtid.uuid),
    uint(gtid === null ? 0 : gtid.number, 8),
    uint(2, 1),
    uint(sequence - 1, 8),
    uint(sequence, 8),
    uint(isOwn ? BigInt(committedHere) : BigInt(committedHere) | separateTime, 7),
    isOwn ? Buffer.alloc(0) : uint(committed, 7),
  ]);
  const rest = of.otherBytes + frameBytes + before.length + 4;
  const own = [1, 3, 4, 9].find((bytes) => packed(rest + bytes).length === bytes) ?? 9;
  return {
    type: gtid === null ? EventType.anonymousGtid : EventType.gtid,
    body: Buffer.concat([before, packed(rest + own), uint(of.serverVersion, 4)]),
  };
}

/** Flags of MariaDB's GTID event: FL_STANDALONE, FL_TRANSACTIONAL, FL_ALLOW_PARALLEL, FL_DDL. */
export const mariadbGtidFlags = { standalone: 0x01, transactional: 0x04, parallel: 0x08, ddl: 0x20 } as const;

/** MariaDB's GTID_EVENT: sequence number (8), domain (4), flags (1), six bytes of nothing. The server is the header's. */
export function mariadbGtid(sequence: number, domain: number, flags: number): Draft {
  return {
    type: EventType.mariadbGtid,
    body: Buffer.concat([uint(sequence, 8), uint(domain, 4), uint(flags, 1), Buffer.alloc(6)]),
    flags: headerFlags.suppressUse,
  };
}

/** A statement as a QUERY_EVENT has it. */
export type QueryFields = {
  readonly vendor: Vendor;
  readonly sql: string;
  /** The default schema; '' where there is none. */
  readonly schema?: string;
  /** Id of the session. */
  readonly connection: number;
  /** Of DDL: the schema that it changes (null: it changes nothing, as hints do), and its XID. */
  readonly ddl?: { readonly schema: string | null; readonly xid: number };
  /** Whether MariaDB packs the text. */
  readonly isPacked?: boolean;
};

/**
 * QUERY_EVENT: session (4), seconds that it took (4), the schema's length (1), error (2), length of the status variables
 * (2), these, the schema, a zero byte, the text.
 */
export function query({ vendor, sql, schema = '', connection, ddl, isPacked = false }: QueryFields): Draft {
  const text = Buffer.from(sql, 'utf8');
  const packs = isPacked && vendor === 'mariadb' && text.length >= leastPackedBytes;
  const variables = vendor === 'mysql' ? mysqlVariables(ddl) : mariadbVariables(ddl);
  return {
    type: packs ? packedTypes.query : EventType.query,
    body: Buffer.concat([
      ...[uint(connection, 4), uint(0, 4), uint(Buffer.byteLength(schema), 1), uint(0, 2)],
      ...[uint(variables.length, 2), variables, Buffer.from(`${schema}\0`, 'utf8')],
      packs ? packedByMariadb(text) : text,
    ]),
    flags: ddl === undefined ? headerFlags.suppressUse : 0,
  };
}

/** The vendors' defaults; with MySQL's IGNORE_SPACE, which many clients set. */
const sqlModes = { mysql: 0x45a0_0028, mariadb: 0x5420_0000 } as const;
const sessionFlags = { mysql: 0, mariadb: 0x0100_0000 } as const;

/** Q_FLAGS2, Q_SQL_MODE, Q_CATALOG_NZ, Q_CHARSET (client, connection, server). */
const sessionVariables = {
  mysql: sessionVariablesOf('mysql'),
  mariadb: sessionVariablesOf('mariadb'),
} as const;

function sessionVariablesOf(vendor: Vendor): Buffer {
  const collation = uint(collations[vendor].number, 2);
  return Buffer.concat([
    ...[uint(0, 1), uint(sessionFlags[vendor], 4), uint(1, 1), uint(sqlModes[vendor], 8)],
    ...[uint(6, 1), packedText('std'), uint(4, 1), collation, collation, collation],
  ]);
}

/** With Q_UPDATED_DB_NAMES, Q_DDL_LOGGED_WITH_XID, Q_DEFAULT_COLLATION_FOR_UTF8MB4, Q_SQL_REQUIRE_PRIMARY_KEY. */
function mysqlVariables(ddl: QueryFields['ddl']): Buffer {
  const session = sessionVariables.mysql;
  const utf8mb4 = [uint(18, 1), uint(collations.mysql.number, 2)];
  if (ddl === undefined || ddl.schema === null) return Buffer.concat([session, ...utf8mb4]);
  const names = [uint(12, 1), uint(1, 1), Buffer.from(`${ddl.schema}\0`)];
  return Buffer.concat([
    session,
    ...names,
    uint(17, 1),
    uint(ddl.xid, 8),
    ...utf8mb4,
    uint(19, 1),
    uint(0, 1),
  ]);
}

/** With Q_XID. */
function mariadbVariables(ddl: QueryFields['ddl']): Buffer {
  const number = ddl === undefined ? [] : [uint(129, 1), uint(ddl.xid, 8)];
  return Buffer.concat([sessionVariables.mariadb, ...number]);
}

/** MariaDB's ANNOTATE_ROWS_EVENT: the text of the statement whose rows follow. */
export function annotation(sql: string): Draft {
  return { type: EventType.mariadbAnnotateRows, body: Buffer.from(sql, 'utf8') };
}

/** How much a table map says of its columns: MySQL knows FULL and MINIMAL, MariaDB NO_LOG, too. */
export type RowMetadata = 'FULL' | 'MINIMAL' | 'NO_LOG';

const typeNumbers = {
  int: columnTypes.long,
  bigint: columnTypes.longLong,
  varchar: columnTypes.varchar,
} as const;

/** TABLE_MAP_EVENT: see src/decode/table-layout.ts. */
export function tableMap(
  tableId: number,
  { schema, name, columns }: TableDefinition,
  vendor: Vendor,
  metadata: RowMetadata,
): Draft {
  const ofTypes = columns.map((column) =>
    column.type === 'varchar' ? uint(varcharBytes(column.characters), 2) : Buffer.alloc(0),
  );
  const typeMetadata = Buffer.concat(ofTypes);
  return {
    type: EventType.tableMap,
    body: Buffer.concat([
      ...[uint(tableId, 6), uint(1, 2), packedText(schema), uint(0, 1), packedText(name), uint(0, 1)],
      ...[packed(columns.length), Buffer.from(columns.map(({ type }) => typeNumbers[type]))],
      ...[packed(typeMetadata.length), typeMetadata],
      bits(columns.map(({ nullable }) => nullable).map(Number), 'lowest-first'),
      optionalMetadata(columns, vendor, metadata),
    ]),
  };
}

/** Fields of the optional metadata (see src/decode/optional-metadata.ts). */
function optionalMetadata(columns: readonly Column[], vendor: Vendor, metadata: RowMetadata): Buffer {
  if (metadata === 'NO_LOG') return Buffer.alloc(0);
  const field = (type: number, value: Buffer): Buffer =>
    Buffer.concat([uint(type, 1), packed(value.length), value]);
  const numbers = columns.filter(({ type }) => type !== 'varchar');
  const fields: Buffer[] = [];
  if (numbers.length > 0)
    fields.push(
      field(
        1,
        bits(
          numbers.map(() => 0),
          'highest-first',
        ),
      ),
    );
  if (numbers.length < columns.length) fields.push(field(2, packed(collations[vendor].number)));
  if (metadata === 'FULL') {
    fields.push(field(4, Buffer.concat(columns.map(({ name }) => packedText(name)))), field(8, packed(0)));
    if (vendor === 'mysql')
      fields.push(
        field(
          12,
          bits(
            columns.map(() => 1),
            'highest-first',
          ),
        ),
      );
  }
  return Buffer.concat(fields);
}

function bits(values: readonly number[], order: 'lowest-first' | 'highest-first'): Buffer {
  const bytes = Buffer.alloc((values.length + 7) >> 3);
  values.forEach((value, index) => {
    const shift = order === 'lowest-first' ? index & 7 : 7 - (index & 7);
    bytes.writeUInt8(bytes.readUInt8(index >> 3) | (value << shift), index >> 3);
  });
  return bytes;
}

const rowsTypes = {
  mysql: { insert: EventType.writeRowsV2, update: EventType.updateRowsV2, delete: EventType.deleteRowsV2 },
  mariadb: { insert: EventType.writeRowsV1, update: EventType.updateRowsV1, delete: EventType.deleteRowsV1 },
} as const;

/** STMT_END_F: the statement's last row event. */
const statementEnd = 1;

/** The row events of a statement, of no more than `mostBytes` of images each (`binlog_row_event_max_size`). */
export function rows(
  tableId: number,
  table: TableDefinition,
  operation: RowOperation,
  changes: readonly RowChange[],
  limits: { readonly vendor: Vendor; readonly mostBytes: number; readonly isPacked?: boolean },
): Draft[] {
  const { vendor, mostBytes, isPacked = false } = limits;
  const packs = isPacked && vendor === 'mariadb';
  const parts: { bytes: number; readonly changes: RowChange[] }[] = [];
  for (const change of changes) {
    const bytes = imagesOf(change).reduce((sum, row) => sum + imageBytes(table, row), 0);
    const part = parts.at(-1);
    if (part === undefined || part.bytes + bytes > mostBytes) parts.push({ bytes, changes: [change] });
    else {
      part.bytes += bytes;
      part.changes.push(change);
    }
  }
  const count = table.columns.length;
  // MySQL sets the bits beyond the last column, too.
  const present =
    vendor === 'mysql'
      ? Buffer.alloc((count + 7) >> 3, 0xff)
      : bits(Array<number>(count).fill(1), 'lowest-first');
  return parts.map((part, index) => ({
    type: packs ? packedTypes[operation] : rowsTypes[vendor][operation],
    body: Buffer.concat([
      ...[uint(tableId, 6), uint(index === parts.length - 1 ? statementEnd : 0, 2)],
      vendor === 'mysql' ? uint(2, 2) : Buffer.alloc(0),
      ...[packed(count), present, operation === 'update' ? present : Buffer.alloc(0)],
      packs ? packedByMariadb(writtenImages(table, part, vendor)) : writtenImages(table, part, vendor),
    ]),
  }));
}

function imagesOf({ before, after }: RowChange): Row[] {
  return [before, after].filter((row) => row !== null);
}

function writtenImages(
  table: TableDefinition,
  { bytes, changes }: { readonly bytes: number; readonly changes: readonly RowChange[] },
  vendor: Vendor,
): Buffer {
  const images = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const change of changes) {
    for (const row of imagesOf(change)) at = writeImage(images, at, table, row, vendor);
  }
  return images;
}
