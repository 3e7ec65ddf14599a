import { decompressRowEventPayload } from './compression.js';
import { EventType, eventType, headerBytes } from './event.js';

/** A statement in the log: its default schema and its text. */
export type Statement = { readonly schema: string; readonly sql: string };

const postHeaderBytes = 13;

/**
 * Reads a QUERY_EVENT: thread id (4), execution time (4), schema length (1), error code (2), length of the status
 * variables (2), status variables, schema, a zero byte, the statement to the end.
 * MySQL: libs/mysql/binlog/event/statement_events.h. MariaDB's QUERY_COMPRESSED_EVENT has the statement compressed.
 */
export function readStatement(buffer: Buffer, start: number, end: number): Statement {
  const body = start + headerBytes;
  const schemaBytes = buffer.readUInt8(body + 8);
  const schemaStart = body + postHeaderBytes + buffer.readUInt16LE(body + 11);
  const sqlStart = schemaStart + schemaBytes + 1;
  const schema = buffer.toString('utf8', schemaStart, schemaStart + schemaBytes);
  if (eventType(buffer, start) === EventType.mariadbQueryCompressed) {
    return { schema, sql: decompressRowEventPayload(buffer.subarray(sqlStart, end)).toString('utf8') };
  }
  return { schema, sql: buffer.toString('utf8', sqlStart, end) };
}

/** Where the statement's text begins in a QUERY_EVENT, for a look at its first bytes without making a string. */
export function statementOffset(buffer: Buffer, start: number): number {
  const body = start + headerBytes;
  return body + postHeaderBytes + buffer.readUInt16LE(body + 11) + buffer.readUInt8(body + 8) + 1;
}

/** What a statement is to the shape of a transaction. */
export type StatementRole =
  'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollback-to-savepoint' | 'xa-begin' | 'xa-end' | 'content';

/** Only short texts can be transaction control, so long ones cost nothing. */
const longestControlText = 300;

/** Sorts a statement text. `content` is everything that is history: DDL, statement-based changes, hints. */
export function roleOfStatement(sql: string): StatementRole {
  if (sql.length > longestControlText) return 'content';
  switch (sql) {
    case 'BEGIN':
      return 'begin';
    case 'COMMIT':
      return 'commit';
    case 'ROLLBACK':
      return 'rollback';
  }
  const words = sql.trimStart().slice(0, 22).toUpperCase();
  if (/^BEGIN\b|^START TRANSACTION\b/.test(words)) return 'begin';
  if (/^COMMIT\b/.test(words)) return 'commit';
  if (/^SAVEPOINT\b|^RELEASE SAVEPOINT\b/.test(words)) return 'savepoint';
  if (/^ROLLBACK TO\b|^ROLLBACK WORK TO\b/.test(words)) return 'rollback-to-savepoint';
  if (/^ROLLBACK\b/.test(words)) return 'rollback';
  if (/^XA (START|BEGIN)\b/.test(words)) return 'xa-begin';
  if (/^XA END\b/.test(words)) return 'xa-end';
  return 'content';
}
