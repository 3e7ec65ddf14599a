import { WaymarkError } from '../util/errors.js';
import { ContentDigest, type RunHead, runHead } from './content-digest.js';
import { unpackTransactionPayload } from './compression.js';
import type { Coordinates } from './coordinates.js';
import { formatCoordinates } from './coordinates.js';
import { eventSecond, EventType, eventServerId, eventSize, eventType, headerBytes } from './event.js';
import { readMariadbGtid, readMysqlGtid, type TransactionStart } from './gtid-event.js';
import type { Identity } from './identity.js';
import { type ColumnSizes, readColumnSizes, settleNullBits } from './null-bits.js';
import { isMariadbLog } from './format-description.js';
import { LogPosition } from './log-position.js';
import { readStatement, roleOfStatement, type Statement } from './query-event.js';
import {
  dummyTableId,
  isRowsEvent,
  readRowsEvent,
  readTableMap,
  type RowOperation,
  type TableName,
} from './rows-event.js';

/** A transaction that has begun. */
export type OpenTransaction = {
  readonly start: Coordinates;
  readonly gtid: string | null;
  readonly origin: string;
  /** Where it was born. */
  readonly serverId: number;
  /** Second of the first content; null while there is none. */
  readonly second: number | null;
  /** Canonical content so far, for comparing the first part of a transaction. */
  readonly digest: ContentDigest;
};

/** A transaction that has ended. */
export type EndedTransaction = {
  readonly start: Coordinates;
  /** Right behind it. */
  readonly end: Coordinates;
  readonly gtid: string | null;
  readonly serverId: number;
  /** Null when it has no content: then it is no part of the history. */
  readonly identity: Identity | null;
  /** The statement, when the transaction is just one statement (DDL, a hint). */
  readonly statement: Statement | null;
};

/** What the assembler tells, in the order of the log. Buffers are valid until the call returns. */
export type TransactionVisitor = {
  /** A table map in an open transaction, for whoever decodes rows. */
  readonly tableMap?: (buffer: Buffer, start: number, end: number, name: TableName) => void;
  readonly rows?: (
    transaction: OpenTransaction,
    operation: RowOperation,
    name: TableName,
    buffer: Buffer,
    start: number,
    end: number,
  ) => void;
  readonly statement?: (transaction: OpenTransaction, statement: Statement) => void;
  readonly end: (transaction: EndedTransaction) => void;
};

type Building = {
  start: Coordinates;
  gtid: string | null;
  origin: string;
  serverId: number;
  second: number | null;
  digest: ContentDigest;
  /** Whether a COMMIT has to come; if not, one statement is all. */
  grouped: boolean;
  changes: number;
  statement: Statement | null;
  /** How many changes there were at each. */
  savepoints: Map<string, number>;
};

type Table = {
  readonly name: TableName;
  readonly heads: Map<RowOperation, RunHead>;
  /** For walking its rows; null when they need or can not be. */
  readonly sizes: ColumnSizes | null;
};

/**
 * Puts events together to transactions, for every vendor and version, with and without GTIDs: finds where they begin
 * and end, and takes their identity. Says what it sees to a visitor; keeps no rows.
 * @throws WaymarkError `unsupported-event` for what would be lost if it were passed over, `protocol` for a log that
 * makes no sense.
 */
export class TransactionAssembler {
  readonly #position: LogPosition;
  readonly #visitor: TransactionVisitor;
  readonly #probeBytes: () => number;
  #tables = new Map<number, Table>();
  /** Whether the server that wrote the file may leave unused null bits 0: see null-bits.ts. */
  #clearsNullBits = false;
  #open: Building | null = null;

  /** @param probeBytes asked at each transaction's begin: {@link ContentDigest.probed}. */
  constructor(start: Coordinates, visitor: TransactionVisitor, probeBytes: () => number = () => 0) {
    this.#position = new LogPosition(start);
    this.#visitor = visitor;
    this.#probeBytes = probeBytes;
  }

  /** Right behind the last event. Between transactions a dump can begin here. */
  get position(): Coordinates {
    return this.#position.end;
  }

  /** The transaction under way. */
  get open(): OpenTransaction | null {
    return this.#open;
  }

  /** Takes the next event. */
  readonly event = (buffer: Buffer, start: number, end: number): void => {
    const file = this.#position.file;
    const inFile = this.#position.advance(buffer, start, end);
    if (this.#position.file !== file) {
      // Table ids mean nothing in the next file. The file of a server that crashed ends without a rotate event: then
      // only the one that the dump thread makes up tells.
      this.#tables.clear();
      this.#refuseOpen();
      return;
    }
    if (eventType(buffer, start) === EventType.formatDescription) {
      this.#clearsNullBits = !isMariadbLog(buffer, start);
    }
    if (!inFile) return;
    this.#take(buffer, start, end, eventType(buffer, start));
  };

  #take(buffer: Buffer, start: number, end: number, type: number): void {
    if (isRowsEvent(type)) {
      this.#rows(buffer, start, end);
      return;
    }
    switch (type) {
      case EventType.tableMap:
        this.#tableMap(buffer, start, end);
        return;
      case EventType.query:
      case EventType.mariadbQueryCompressed:
        this.#query(buffer, start, end);
        return;
      case EventType.mariadbGtid:
        this.#begin(buffer, start, readMariadbGtid(buffer, start));
        return;
      case EventType.gtid:
      case EventType.anonymousGtid:
      case EventType.gtidTagged:
        this.#begin(buffer, start, readMysqlGtid(buffer, start, end));
        return;
      case EventType.xid:
      case EventType.xaPrepare:
        this.#end();
        return;
      case EventType.transactionPayload:
        this.#payload(buffer, start, end);
        return;
      case EventType.incident:
        throw this.#unsupported('an incident: the server itself says that changes are missing from its log');
      case EventType.beginLoadQuery:
      case EventType.executeLoadQuery:
        throw this.#unsupported('LOAD DATA as a statement; binlog_format must be ROW');
    }
  }

  #begin(buffer: Buffer, start: number, begun: TransactionStart): void {
    this.#refuseOpen();
    this.#open = this.#build(buffer, start, begun.gtid, begun.origin, begun.opens);
  }

  #build(buffer: Buffer, start: number, gtid: string | null, origin: string, grouped: boolean): Building {
    return {
      start: this.#position.start,
      gtid,
      origin,
      serverId: eventServerId(buffer, start),
      second: null,
      digest: new ContentDigest(this.#probeBytes()),
      grouped,
      changes: 0,
      statement: null,
      savepoints: new Map(),
    };
  }

  #query(buffer: Buffer, start: number, end: number): void {
    const statement = readStatement(buffer, start, end);
    switch (roleOfStatement(statement.sql)) {
      case 'begin':
      case 'xa-begin':
        this.#open ??= this.#build(buffer, start, null, '', true);
        this.#open.grouped = true;
        return;
      case 'commit':
      case 'rollback':
        if (this.#open !== null) this.#end();
        return;
      case 'savepoint':
        this.#open?.savepoints.set(savepointName(statement.sql), this.#open.changes);
        return;
      case 'rollback-to-savepoint':
        this.#rollbackTo(savepointName(statement.sql));
        return;
      case 'xa-end':
        return;
      case 'content':
        this.#statement(statement, buffer, start);
    }
  }

  /**
   * Servers cut what is rolled back out of the transaction before they write it, unless a table without transactions
   * was changed in between (MariaDB, and MySQL without GTIDs; there only on the server where it was written).
   */
  #rollbackTo(savepoint: string): void {
    const open = this.#open;
    if (open === null || open.changes === (open.savepoints.get(savepoint) ?? 0)) return;
    throw this.#unsupported(
      'ROLLBACK TO SAVEPOINT with the changes that it takes back (a transaction that also changes a table of ' +
        'an engine without transactions). Read from a replica instead',
    );
  }

  #statement(statement: Statement, buffer: Buffer, start: number): void {
    const open = (this.#open ??= this.#build(buffer, start, null, '', false));
    open.second ??= eventSecond(buffer, start);
    this.#visitor.statement?.(open, statement);
    open.digest.statement(statement);
    open.changes += 1;
    open.statement = statement;
    if (!open.grouped) this.#end();
  }

  #tableMap(buffer: Buffer, start: number, end: number): void {
    const { tableId, name } = readTableMap(buffer, start);
    const known = this.#tables.get(tableId);
    if (known?.name.table !== name.table || known.name.schema !== name.schema) {
      const sizes = this.#clearsNullBits ? readColumnSizes(buffer, start) : null;
      this.#tables.set(tableId, { name, heads: new Map(), sizes });
    }
    this.#visitor.tableMap?.(buffer, start, end, name);
  }

  #rows(buffer: Buffer, start: number, end: number): void {
    const event = readRowsEvent(buffer, start, end);
    const { operation, tableId, columnCount, images, complete } = event;
    if (tableId === dummyTableId || images.length === 0) return;
    const table = this.#tables.get(tableId);
    const open = this.#open;
    if (table === undefined || open === null) {
      throw new WaymarkError(
        'protocol',
        `The row event before ${formatCoordinates(this.#position.end)} belongs to no transaction or table: ` +
          'reading did not begin between transactions',
      );
    }
    open.second ??= eventSecond(buffer, start);
    let head = table.heads.get(operation);
    if (head === undefined) {
      head = runHead(table.name, operation, columnCount);
      table.heads.set(operation, head);
    }
    if (table.sizes !== null) settleNullBits(event, buffer, table.sizes);
    // Told before it is digested: the visitor sees the content up to here.
    this.#visitor.rows?.(open, operation, table.name, buffer, start, end);
    open.digest.rows(head, images, complete);
    open.changes += 1;
  }

  #end(): void {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    this.#visitor.end({
      start: open.start,
      end: this.#position.end,
      gtid: open.gtid,
      serverId: open.serverId,
      identity:
        open.second === null
          ? null
          : { digest: open.digest.value(), second: open.second, origin: open.origin },
      statement: open.changes === 1 ? open.statement : null,
    });
  }

  /** MySQL's compressed transactions: the events inside have headers of their own and no checksums. */
  #payload(buffer: Buffer, start: number, end: number): void {
    let rest: Buffer = Buffer.alloc(0);
    unpackTransactionPayload(buffer, start + headerBytes, end, (piece) => {
      let bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      while (bytes.length >= headerBytes && bytes.length >= eventSize(bytes, 0)) {
        const size = eventSize(bytes, 0);
        if (size < headerBytes) throw this.#unsupported('a compressed transaction that cannot be read');
        this.#take(bytes, 0, size, eventType(bytes, 0));
        bytes = bytes.subarray(size);
      }
      rest = bytes;
    });
    if (rest.length > 0)
      throw this.#unsupported('a compressed transaction that ends in the middle of an event');
  }

  #refuseOpen(): void {
    if (this.#open === null) return;
    // A GTID event with nothing behind it is a transaction without content; one with content must have ended.
    if (this.#open.second !== null) {
      throw new WaymarkError(
        'protocol',
        `The transaction that began at ${formatCoordinates(this.#open.start)} has no end in the log`,
      );
    }
    this.#open = null;
  }

  #unsupported(what: string): WaymarkError {
    const end = formatCoordinates(this.#position.end);
    return new WaymarkError(
      'unsupported-event',
      `Before ${end} the log holds ${what}. Going on would lose changes`,
      {
        details: { ...this.#position.end },
      },
    );
  }
}

/** The last word of SAVEPOINT, RELEASE SAVEPOINT and ROLLBACK TO; names are compared without regard to case. */
function savepointName(sql: string): string {
  return (/(`(?:[^`]|``)+`|[^\s`]+)\s*$/.exec(sql)?.[1] ?? '').toLowerCase();
}
