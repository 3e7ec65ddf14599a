import { packed, packedText, uint } from './bytes.js';

/** Payloads of MySQL's protocol, as servers send them (MySQL Internals, "Client/Server Protocol"). */

/** LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_ATTRS. */
const capabilities = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x8_0000 | 0x10_0000;
const autocommit = 2;
/** utf8mb4_general_ci, which both vendors have. */
const collation = 45;
/** What a login's proof is made with; nobody checks it. */
const scramble = Buffer.from(Array.from({ length: 20 }, (_, index) => 0x41 + index));

/** The greeting, which asks for a login by mysql_native_password. */
export function greeting(version: string, session: number): Buffer {
  return Buffer.concat([
    ...[uint(10, 1), Buffer.from(`${version}\0`), uint(session, 4), scramble.subarray(0, 8), uint(0, 1)],
    ...[
      uint(capabilities & 0xffff, 2),
      uint(collation, 1),
      uint(autocommit, 2),
      uint(capabilities >>> 16, 2),
    ],
    ...[uint(scramble.length + 1, 1), Buffer.alloc(10), scramble.subarray(8), uint(0, 1)],
    Buffer.from('mysql_native_password\0'),
  ]);
}

/** The account's name in the answer to a greeting: behind capabilities (4), longest packet (4), collation (1), nothing (23). */
export function userIn(login: Buffer): string {
  const start = 32;
  const end = login.indexOf(0, start);
  return login.toString('utf8', start, end < 0 ? login.length : end);
}

export function ok(affectedRows = 0): Buffer {
  return Buffer.concat([uint(0, 1), packed(affectedRows), packed(0), uint(autocommit, 2), uint(0, 2)]);
}

export function eof(): Buffer {
  return Buffer.concat([uint(0xfe, 1), uint(0, 2), uint(autocommit, 2)]);
}

/** An error: its number, the SQL state, the text. */
export function error(number: number, message: string, state = 'HY000'): Buffer {
  return Buffer.concat([uint(0xff, 1), uint(number, 2), Buffer.from(`#${state}${message}`)]);
}

const varString = 0xfd;
const blob = 0xfc;
/** The number of the collation that bytes have. */
const binary = 63;
const longestText = 1024;

/**
 * The payloads of a result: the number of columns, each column, an end, each row, an end. A column that has bytes
 * in the first row is a BLOB; all others are text.
 */
export function result(
  columns: readonly string[],
  rows: readonly (readonly (string | Buffer | null)[])[],
): Buffer[] {
  const ofColumns = columns.map((name, index) => definition(name, Buffer.isBuffer(rows[0]?.[index])));
  const texts = rows.map((row) => Buffer.concat(row.map(packedValue)));
  return [packed(columns.length), ...ofColumns, eof(), ...texts, eof()];
}

/** Those that were made, by their columns' names. There are few names. */
const definitions = { binary: new Map<string, Buffer>(), text: new Map<string, Buffer>() };

function definition(name: string, isBinary: boolean): Buffer {
  const made = isBinary ? definitions.binary : definitions.text;
  const known = made.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.concat([
    ...[packedText('def'), packedText(''), packedText(''), packedText(''), packedText(name), packedText('')],
    ...[uint(12, 1), uint(isBinary ? binary : collation, 2), uint(longestText, 4)],
    ...[uint(isBinary ? blob : varString, 1), uint(0, 2), uint(0, 1), uint(0, 2)],
  ]);
  made.set(name, bytes);
  return bytes;
}

function packedValue(value: string | Buffer | null): Buffer {
  if (value === null) return Buffer.from([0xfb]);
  return typeof value === 'string' ? packedText(value) : Buffer.concat([packed(value.length), value]);
}

/** Bytes before a payload: its length, and the packet's number. */
const headBytes = 4;

/**
 * Payloads as packets, numbered from that number on.
 * @param status a byte that stands before each payload; null: none.
 */
export function packets(payloads: readonly Buffer[], sequence: number, status: number | null): Buffer {
  const extra = status === null ? 0 : 1;
  const size = payloads.reduce((sum, { length }) => sum + headBytes + extra + length, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [index, payload] of payloads.entries()) {
    at = bytes.writeUIntLE(payload.length + extra, at, 3);
    at = bytes.writeUInt8((sequence + index) & 0xff, at);
    if (status !== null) at = bytes.writeUInt8(status, at);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}
