import type { Vendor } from '../../../src/mysql/version.js';
import { payload } from './compression.js';
import {
  annotation,
  type Draft,
  frameBytes,
  mariadbGtid,
  mariadbGtidFlags,
  mysqlGtid,
  query,
  type QueryFields,
  type RowMetadata,
  rows,
  tableMap,
  xid,
} from './events.js';
import type { Gtid } from './gtids.js';
import { nameOf, type TableDefinition } from './tables.js';
import type { Content, RowsStep, Step, Transaction } from './transaction.js';

/** What of a transaction's events is the writing server's own. */
export type GroupWriter = {
  readonly vendor: Vendor;
  /** The GTID that it has here; null: none. */
  readonly gtid: Gtid | null;
  readonly rowMetadata: RowMetadata;
  readonly mostRowBytes: number;
  /** `binlog_transaction_compression`, or `log_bin_compress`. */
  readonly compresses: boolean;
  readonly tableId: (table: TableDefinition) => number;
  /** Of the group in its file, from 1. */
  readonly sequence: number;
  readonly xid: number;
  /** Microseconds since 1970. */
  readonly committedHere: number;
  /** `80403` for 8.4.3. */
  readonly serverVersion: number;
};

/** A transaction as the events of a server's log, the GTID event first. */
export function groupOf(transaction: Transaction, writer: GroupWriter): Draft[] {
  const plain = contentOf(transaction, writer);
  const isPayload = writer.compresses && writer.vendor === 'mysql' && transaction.content.kind === 'group';
  const content = isPayload ? [payload(plain, transaction)] : plain;
  return [head(transaction, content, writer), ...content];
}

function contentOf(transaction: Transaction, writer: GroupWriter): Draft[] {
  const { content, connection } = transaction;
  const { vendor, compresses: isPacked } = writer;
  if (content.kind === 'statement') {
    const { sql, schema, alters } = content;
    const ddl = { schema: alters?.after.schema ?? null, xid: writer.xid };
    return [query({ vendor, sql, schema, connection, ddl, isPacked })];
  }
  const statement = (sql: string): Draft => statementOf({ vendor, sql, connection, isPacked });
  return [
    // MariaDB's GTID event stands for it.
    ...(vendor === 'mysql' ? [statement('BEGIN')] : []),
    ...content.steps.flatMap((step) => stepEvents(step, statement, writer)),
    content.end === 'xid' ? xid(writer.xid) : statement(content.end === 'commit' ? 'COMMIT' : 'ROLLBACK'),
  ];
}

/** What begins, ends and parts transactions: few texts, which every server of a vendor writes alike. */
const statements = new Map<string, Draft>();

function statementOf(fields: QueryFields): Draft {
  const of = `${fields.vendor} ${String(fields.isPacked)} ${fields.connection} ${fields.sql}`;
  let draft = statements.get(of);
  if (draft === undefined) {
    draft = query(fields);
    statements.set(of, draft);
  }
  return draft;
}

function stepEvents(step: Step, statement: (sql: string) => Draft, writer: GroupWriter): readonly Draft[] {
  switch (step.kind) {
    case 'rows':
      return rowsEvents(step, writer);
    case 'savepoint':
      return [statement(`SAVEPOINT \`${step.name}\``)];
    case 'rollback-to':
      return [statement(`ROLLBACK TO \`${step.name}\``)];
  }
}

/**
 * The events of rows, as they were written last, and what they depend on beside the rows. All servers of a pool that give
 * the table the same number write the same.
 */
const written = new WeakMap<RowsStep, { readonly by: string; readonly events: readonly Draft[] }>();

function rowsEvents(step: RowsStep, writer: GroupWriter): readonly Draft[] {
  const { vendor, mostRowBytes: mostBytes, rowMetadata, compresses: isPacked } = writer;
  const { table, operation } = step;
  const tableId = writer.tableId(table);
  const by = `${vendor} ${rowMetadata} ${mostBytes} ${String(isPacked)} ${tableId}`;
  const known = written.get(step);
  if (known?.by === by) return known.events;
  const text = `${operation.toUpperCase()} ${nameOf(table)} /* ${step.rows.length} rows */`;
  const events = [
    // With its defaults MariaDB logs the statement's text, MySQL doesn't.
    ...(vendor === 'mariadb' ? [annotation(text)] : []),
    tableMap(tableId, table, vendor, rowMetadata),
    ...rows(tableId, table, operation, step.rows, { vendor, mostBytes, isPacked }),
  ];
  written.set(step, { by, events });
  return events;
}

function head({ content, committed }: Transaction, events: readonly Draft[], writer: GroupWriter): Draft {
  if (writer.vendor === 'mariadb') {
    // A MariaDB server gives every transaction one.
    if (writer.gtid?.vendor !== 'mariadb') throw new TypeError('a transaction of MariaDB without a GTID');
    return mariadbGtid(writer.gtid.sequence, writer.gtid.domain, flagsOf(content));
  }
  return mysqlGtid({
    mayHaveStatements: content.kind === 'statement' || takesBack(content),
    gtid: writer.gtid?.vendor === 'mysql' ? writer.gtid : null,
    sequence: writer.sequence,
    committedHere: writer.committedHere,
    committed,
    otherBytes: events.reduce((sum, { body }) => sum + body.length + frameBytes, 0),
    serverVersion: writer.serverVersion,
  });
}

function flagsOf(content: Content): number {
  const { standalone, transactional, parallel, ddl } = mariadbGtidFlags;
  if (content.kind === 'statement') return standalone | parallel | ddl;
  return content.end === 'commit' ? parallel : transactional | parallel;
}

/** Whether something in a group takes back what stands before it. */
function takesBack(content: Extract<Content, { kind: 'group' }>): boolean {
  return content.end === 'rollback' || content.steps.some(({ kind }) => kind === 'rollback-to');
}
