import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

import { z } from 'zod';

import type { DictionaryColumn } from '../decode/described-table.js';
import {
  keyOf,
  nameOfKey,
  type ProvedLayouts,
  type ProvedTable,
  type Undo,
} from '../layouts/proved-layouts.js';
import { WaymarkError, messageOf } from '../util/errors.js';

import type { LayoutsReference } from './checkpoint.js';
import type { RecordLocation } from './codec.js';

/** The layouts in a record. */
export type StoredLayouts = Parameters<ProvedLayouts['restore']>[0] & {
  readonly id: string;
  /** The layouts that these were made from. */
  readonly parent: LayoutsReference | null;
};

/** The most bytes of a record. ZooKeeper takes 1 MiB. */
const layoutsLimitBytes = 512 * 1024;

/** The most bytes of a record when it is unpacked. */
const mostInflatedBytes = 64 * 1024 * 1024;

/*
 * The frame. Numbers are little-endian:
 *   0  4 bytes  magic; its first byte is no text in any encoding
 *   4  1 byte   version of the format
 *   5  4 bytes  CRC-32 of bytes 0 to 4 and the body
 *   9           the body: JSON, deflated
 */
const magic = Buffer.from([0x8a, 0x57, 0x4d, 0x4c]);
const crcOffset = 5;
const bodyOffset = 9;
const formatVersion = 2;

const natural = z.int().nonnegative();
const columnRow = z.tuple([z.string(), z.string(), z.string().nullable()]);
/**
 * Schema, table, default character set, {@link ProvedTable.carried}, columns, hidden columns, primary key.
 */
const tableRow = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  z.boolean(),
  z.array(columnRow),
  z.array(columnRow),
  z.array(z.string()).nullable(),
]);
/** The same, or only the two names if the table was unknown. */
const formerRow = z.union([tableRow, z.tuple([z.string(), z.string()])]);
const schemaRow = z.tuple([z.string(), z.string()]);
const mark = z.strictObject({ id: z.string(), version: natural });

const bodySchema = z.strictObject({
  stream: z.string(),
  id: z.string(),
  parent: mark.nullable(),
  version: natural,
  tables: z.array(tableRow),
  schemas: z.array(schemaRow),
  undos: z.array(
    z.strictObject({
      version: natural,
      scope: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('named') }),
        z.strictObject({ kind: z.literal('schema'), schema: z.string() }),
        z.strictObject({ kind: z.literal('all') }),
      ]),
      tables: z.array(formerRow),
      schemas: z.array(schemaRow).nullable(),
    }),
  ),
});

type Body = z.infer<typeof bodySchema>;
type TableRow = z.infer<typeof tableRow>;
type ColumnRow = z.infer<typeof columnRow>;

/**
 * Encodes layouts as a record of at most `limitBytes`. If not all tables fit, those that were proved longest
 * ago are left out. They are looked up again.
 */
export function encodeLayouts(
  stream: string,
  id: string,
  parent: LayoutsReference | null,
  layouts: ProvedLayouts,
  limitBytes = layoutsLimitBytes,
): Buffer {
  const tables = [...layouts.tables].map(([key, table]) => rowOf(key, table));
  const undos = layouts.undos.map(({ version, scope, tables: former, schemas }) => ({
    version,
    scope,
    tables: [...former].map(([key, table]) => (table === null ? namesOf(key) : rowOf(key, table))),
    schemas: schemas === null ? null : [...schemas],
  }));
  const common = { stream, id, parent, version: layouts.version, schemas: [...layouts.schemas] };
  for (let first = 0; ; first = Math.ceil((first + tables.length) / 2)) {
    const record = framed({ ...common, tables: tables.slice(first), undos });
    if (record.length <= limitBytes) return record;
    // The layouts from before statements don't fit. Then nothing is kept.
    if (first === tables.length) return framed({ ...common, tables: [], schemas: [], undos: [] });
  }
}

function framed(body: Body): Buffer {
  const packed = deflateRawSync(JSON.stringify(body));
  const head = Buffer.alloc(bodyOffset);
  magic.copy(head);
  head.writeUInt8(formatVersion, magic.length);
  head.writeUInt32LE(checksum(head, packed), crcOffset);
  return Buffer.concat([head, packed]);
}

function checksum(head: Buffer, body: Buffer): number {
  return crc32(body, crc32(head.subarray(0, crcOffset)));
}

function namesOf(key: string): [string, string] {
  const { schema, table } = nameOfKey(key);
  return [schema, table];
}

function rowOf(key: string, { definition, carried }: ProvedTable): TableRow {
  const { columns, hidden = [], defaultCharset, key: primaryKey } = definition;
  const lists = [columns.map(columnRowOf), hidden.map(columnRowOf)] as const;
  return [...namesOf(key), defaultCharset, carried, ...lists, primaryKey === null ? null : [...primaryKey]];
}

function columnRowOf({ name, type, charset }: DictionaryColumn): ColumnRow {
  return [name, type, charset];
}

/**
 * Decodes the layouts in a record, which must belong to the stream.
 * @throws WaymarkError `checkpoint-damaged` if the bytes are no record, altered, or of an unknown format.
 *   `checkpoint-foreign` if they belong to another stream.
 */
export function decodeLayouts(bytes: Buffer, where: RecordLocation): StoredLayouts {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged(where, 'are not a waymark record');
  const version = bytes[magic.length];
  if (version !== undefined && version !== formatVersion) {
    throw damaged(where, `have format version ${version}, but this waymark knows version ${formatVersion}`);
  }
  if (bytes.length < bodyOffset) throw damaged(where, 'are cut off');
  const packed = bytes.subarray(bodyOffset);
  if (checksum(bytes, packed) !== bytes.readUInt32LE(crcOffset))
    throw damaged(where, 'are damaged: their checksum is wrong');
  const { stream, tables, schemas, undos, ...rest } = readBody(packed, where);
  if (stream !== where.stream) {
    throw new WaymarkError(
      'checkpoint-foreign',
      `The layouts of tables at ${where.location} belong to stream "${stream}", not to "${where.stream}". Give this ` +
        'stream its own place.',
      { details: { stream: where.stream, found: stream, location: where.location } },
    );
  }
  return {
    ...rest,
    tables: new Map(tables.map((row) => [keyOfRow(row), tableOf(row)])),
    schemas: new Map(schemas),
    undos: undos.map((undo): Undo => ({
      ...undo,
      tables: new Map(undo.tables.map((row) => [keyOfRow(row), row.length === 2 ? null : tableOf(row)])),
      schemas: undo.schemas === null ? null : new Map(undo.schemas),
    })),
  };
}

function readBody(packed: Buffer, where: RecordLocation): Body {
  try {
    const text = inflateRawSync(packed, { maxOutputLength: mostInflatedBytes }).toString('utf8');
    return bodySchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(where, `can't be read: ${messageOf(error)}`, error);
  }
}

function keyOfRow([schema, table]: readonly [string, string, ...unknown[]]): string {
  return keyOf({ schema, table });
}

function columnOf([name, type, charset]: ColumnRow): DictionaryColumn {
  return { name, type, charset };
}

function tableOf([, , defaultCharset, carried, columns, hidden, key]: TableRow): ProvedTable {
  const ofServer = hidden.length === 0 ? {} : { hidden: hidden.map(columnOf) };
  return { definition: { columns: columns.map(columnOf), defaultCharset, key, ...ofServer }, carried };
}

function damaged({ stream, location }: RecordLocation, what: string, cause?: unknown): WaymarkError {
  return new WaymarkError(
    'checkpoint-damaged',
    `The layouts of tables of stream "${stream}" at ${location} ${what}. If a newer waymark wrote them, upgrade waymark on ` +
      'this machine. If not, remove them. Then tables are looked up again. Rows from before a DDL statement that was ' +
      'logged meanwhile are marked "proved": false.',
    { details: { stream, location }, ...(cause === undefined ? {} : { cause }) },
  );
}
