import { isUtf8 } from 'node:buffer';
import { decompressRowEventPayload } from './compression.js';
import { EventType, eventType, headerBytes, requireRoom } from './event.js';
import { beginningOf, type SqlQuoting } from '../sql/text.js';
import type { StatementContext } from './statement-context.js';

/** A statement in the log: its default schema and its text. */
export type Statement = {
  readonly schema: string;
  /** Its bytes read as UTF-8, whatever they are: that is the same on all servers, so it serves for comparing. */
  readonly sql: string;
};

/** A statement with what its text means. */
export type LoggedStatement = Statement & {
  readonly session?: StatementSession;
  /** Its bytes, where they are no UTF-8, so that {@link Statement.sql} has lost some. */
  readonly bytes?: Buffer;
  readonly context?: StatementContext;
};

/** What of a session's settings says how its statement is to be read. */
type StatementSession = {
  /** A collation of the character set that its bytes are in (character_set_client); null where the log doesn't say. */
  readonly collation: number | null;
  readonly quoting: SqlQuoting;
};

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
  requireRoom(sqlStart, end, 'A statement');
  const schema = buffer.toString('utf8', schemaStart, schemaStart + schemaBytes);
  if (eventType(buffer, start) === EventType.mariadbQueryCompressed) {
    return { schema, sql: decompressRowEventPayload(buffer.subarray(sqlStart, end)).toString('utf8') };
  }
  return { schema, sql: buffer.toString('utf8', sqlStart, end) };
}

/** The id of the session in a QUERY_EVENT: that of the client on the source, on replicas as well. */
export function readConnection(buffer: Buffer, start: number): number {
  return buffer.readUInt32LE(start + headerBytes);
}

/**
 * Reads a ROWS_QUERY_LOG_EVENT (a length that nobody reads (1), the text; MySQL: sql/log_event.cc) or MariaDB's
 * ANNOTATE_ROWS_EVENT (the text alone). Their character set isn't in the log: it is taken for UTF-8.
 */
export function readRowsQuery(buffer: Buffer, start: number, end: number): string {
  const length = eventType(buffer, start) === EventType.rowsQuery ? 1 : 0;
  return buffer.toString('utf8', start + headerBytes + length, end);
}

/** A statement that {@link readStatement} has read, with what its text means. */
export function readMeaning(
  statement: Statement,
  buffer: Buffer,
  start: number,
  end: number,
  context: StatementContext | null,
): LoggedStatement {
  const session = readSession(buffer, start);
  const logged = context === null ? { ...statement, session } : { ...statement, session, context };
  if (!statement.sql.includes(replacement)) return logged;
  const sql = buffer.subarray(statementOffset(buffer, start, end), end);
  const isCompressed = eventType(buffer, start) === EventType.mariadbQueryCompressed;
  const bytes = isCompressed ? decompressRowEventPayload(sql) : sql;
  // A copy: the event's bytes are valid until the next batch alone.
  return isUtf8(bytes) ? logged : { ...logged, bytes: Buffer.from(bytes) };
}

/** What stands for bytes that are no UTF-8. */
const replacement = '\ufffd';

/** Status variables, with the length of each; those with texts come behind the ones that are looked for. */
const [flagsCode, sqlModeCode, catalogCode, autoIncrementCode, charsetCode, catalogNzCode] = [
  0, 1, 2, 3, 4, 6,
];
/** Of sql_mode, with the same numbers in both vendors' sources (sql/system_variables.h, sql/sql_class.h). */
const [ansiQuotesMode, noBackslashEscapesMode] = [0x4, 0x10_0000];

/**
 * Reads the status variables Q_SQL_MODE_CODE and Q_CHARSET_CODE (MySQL: libs/mysql/binlog/event/statement_events.h;
 * MariaDB: sql/log_event.h). Servers write them in the order of their numbers, but for the catalog.
 */
function readSession(buffer: Buffer, start: number): StatementSession {
  const from = start + headerBytes + postHeaderBytes;
  const end = from + buffer.readUInt16LE(start + headerBytes + 11);
  let collation: number | null = null;
  let sqlMode = 0;
  for (let at = from; at < end && collation === null;) {
    const code = buffer.readUInt8(at);
    at += 1;
    if (code === flagsCode || code === autoIncrementCode) at += 4;
    else if (code === sqlModeCode && at + 8 <= end) {
      sqlMode = buffer.readUInt32LE(at);
      at += 8;
    } else if ((code === catalogCode || code === catalogNzCode) && at < end) {
      at += 1 + buffer.readUInt8(at) + (code === catalogCode ? 1 : 0);
    } else if (code === charsetCode && at + 6 <= end) collation = buffer.readUInt16LE(at);
    else break;
  }
  return {
    collation,
    quoting: {
      ansiQuotes: (sqlMode & ansiQuotesMode) !== 0,
      noBackslashEscapes: (sqlMode & noBackslashEscapesMode) !== 0,
    },
  };
}

/** The beginning of the statement in a QUERY_EVENT, as much of it as {@link roleOfStatement} looks at. */
export function readStatementBeginning(buffer: Buffer, start: number, end: number): string {
  if (eventType(buffer, start) === EventType.mariadbQueryCompressed) {
    return readStatement(buffer, start, end).sql;
  }
  const offset = statementOffset(buffer, start, end);
  return buffer.toString('utf8', offset, Math.min(end, offset + longestBeginning * mostBytesEach));
}

/** Where the statement's text begins in a QUERY_EVENT, for a look at its first bytes without making a string. */
export function statementOffset(buffer: Buffer, start: number, end: number): number {
  const body = start + headerBytes;
  const offset = body + postHeaderBytes + buffer.readUInt16LE(body + 11) + buffer.readUInt8(body + 8) + 1;
  requireRoom(offset, end, 'A statement');
  return offset;
}

/** What a statement is to the shape of a transaction. */
export type StatementRole =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release-savepoint'
  | 'rollback-to-savepoint'
  | 'xa-begin'
  | 'xa-end'
  /** The outcome of a transaction that was prepared: see {@link readXaOutcome}. */
  | 'xa-outcome'
  /** It makes or drops a temporary table, which nobody but its own session ever sees. */
  | 'temporary-table'
  /** Everything that is history: DDL, statement-based changes, hints. */
  | 'content';

/** As much of a statement as its role is told by, and as far as it may stand from the beginning, behind comments. */
const tellingText = 100;
const longestBeginning = 4096;
/** Of a unit of a string in UTF-8. */
const mostBytesEach = 3;

/** The role of a statement. Only its beginning is looked at, so that long ones cost nothing. */
export function roleOfStatement(sql: string): StatementRole {
  switch (sql) {
    case 'BEGIN':
      return 'begin';
    case 'COMMIT':
      return 'commit';
    case 'ROLLBACK':
      return 'rollback';
  }
  const words = beginningOf(sql.slice(0, longestBeginning), tellingText);
  return roles.find(([, pattern]) => pattern.test(words))?.[0] ?? 'content';
}

/**
 * Servers write these in their own words, but for CREATE TEMPORARY TABLE, which is as the client wrote it. What is
 * dropped when a connection ends reads DROP, an executed comment with TEMPORARY, TABLE.
 */
const roles: readonly (readonly [StatementRole, RegExp])[] = [
  ['begin', /^(?:BEGIN|START TRANSACTION)\b/i],
  ['commit', /^COMMIT\b/i],
  ['savepoint', /^SAVEPOINT\b/i],
  ['release-savepoint', /^RELEASE SAVEPOINT\b/i],
  ['rollback-to-savepoint', /^ROLLBACK (?:WORK )?TO\b/i],
  ['rollback', /^ROLLBACK\b/i],
  ['xa-begin', /^XA (?:START|BEGIN)\b/i],
  ['xa-end', /^XA END\b/i],
  ['xa-outcome', /^XA (?:COMMIT|ROLLBACK)\b/i],
  [
    'temporary-table',
    /^(?:CREATE(?: OR REPLACE)?|DROP) (?:TEMPORARY|\/\*!\d* TEMPORARY \*\/) (?:TABLE|SEQUENCE)\b/i,
  ],
];

/** How a transaction that was prepared with XA PREPARE has ended. */
export type XaOutcome = {
  readonly outcome: 'commit' | 'rollback';
  /** {@link formatXid}. */
  readonly xid: string;
};

/**
 * Reads a statement whose role is `xa-outcome`. Servers write the XID's two parts in hexadecimal and its format behind
 * them, on the source as on replicas.
 * @returns null when it reads otherwise.
 */
export function readXaOutcome({ sql }: Statement): XaOutcome | null {
  const match = /^XA (COMMIT|ROLLBACK) (X'[0-9a-f]*'),\s*(X'[0-9a-f]*'),\s*(\d+)/i.exec(sql);
  if (match === null) return null;
  const [, word = '', global = '', branch = '', format = ''] = match;
  return {
    outcome: word.toUpperCase() === 'COMMIT' ? 'commit' : 'rollback',
    xid: xidText(global, branch, format),
  };
}

/** An outcome as a statement that reads the same on every server, for comparing. */
export function statementOfOutcome({ outcome, xid }: XaOutcome): Statement {
  return { schema: '', sql: `XA ${outcome.toUpperCase()} ${xid}` };
}

/**
 * Reads an XA_PREPARE_LOG_EVENT: whether the transaction was committed at once (1), the XID's format (4), the lengths
 * of its parts (4 each), the parts (MySQL: libs/mysql/binlog/event/control_events.cpp; MariaDB: sql/log_event.cc).
 * @returns the XID ({@link formatXid}); null for XA COMMIT … ONE PHASE, which MySQL logs so: no outcome follows.
 */
export function readXaPrepare(buffer: Buffer, start: number, end: number): string | null {
  const body = start + headerBytes;
  requireRoom(body + 1, end, 'An XA PREPARE');
  if (buffer.readUInt8(body) !== 0) return null;
  const parts = body + 13;
  const globalEnd = parts + buffer.readUInt32LE(body + 5);
  const branchEnd = globalEnd + buffer.readUInt32LE(body + 9);
  requireRoom(branchEnd, end, 'An XA PREPARE');
  return formatXid(
    buffer.toString('hex', parts, globalEnd),
    buffer.toString('hex', globalEnd, branchEnd),
    String(buffer.readUInt32LE(body + 1)),
  );
}

/** An XID as servers write it in statements: `X'676c6f62616c',X'6272616e6368',1` (both parts in hexadecimal, the format). */
function formatXid(global: string, branch: string, format: string): string {
  return xidText(`X'${global}'`, `X'${branch}'`, format);
}

function xidText(global: string, branch: string, format: string): string {
  const part = (text: string): string => `X'${text.slice(2, -1).toLowerCase()}'`;
  return `${part(global)},${part(branch)},${format}`;
}
