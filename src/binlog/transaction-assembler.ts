import { WaymarkError } from '../util/errors.js';
import { ContentDigest, type RunHead, runHead } from './content-digest.js';
import type { Coordinates } from './coordinates.js';
import { formatCoordinates } from './coordinates.js';
import {
  type EventPlace,
  eventSecond,
  EventType,
  eventServerId,
  eventType,
  type EventVisitor,
  isIgnorable,
} from './event.js';
import { fateOf, nameOf, refusalOf } from './event-fates.js';
import { readMariadbGtid, readMysqlGtid, type TransactionStart } from './gtid-event.js';
import type { Identity } from './identity.js';
import { type ColumnSizes, readColumnSizes, settleNullBits } from './null-bits.js';
import { isMariadbLog } from './format-description.js';
import {
  type LoggedStatement,
  readMeaning,
  readStatement,
  readXaOutcome,
  roleOfStatement,
  type Statement,
  statementOfOutcome,
  type XaOutcome,
} from './query-event.js';
import {
  dummyTableId,
  readRowsEvent,
  readTableMap,
  type RowOperation,
  type TableName,
} from './rows-event.js';
import { ContextReader } from './statement-context.js';
import { unsupportedEvent } from './unsupported-event.js';

/** A transaction that has begun. */
export type OpenTransaction = {
  readonly start: Coordinates;
  readonly gtid: string | null;
  readonly origin: string;
  /** Where it was born. */
  readonly serverId: number;
  /** Second of the first content; null while there is none. */
  readonly second: number | null;
  /** The XID of one that is only prepared when it ends: its outcome comes later. */
  readonly xid: string | null;
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

/** What the assembler tells, in the order of the log. Buffers and places are valid until the call returns. */
export type TransactionVisitor = {
  /** A table map in an open transaction, for whoever decodes rows. */
  readonly tableMap?: (
    buffer: Buffer,
    start: number,
    end: number,
    name: TableName,
    place: EventPlace,
  ) => void;
  readonly rows?: (
    transaction: OpenTransaction,
    operation: RowOperation,
    name: TableName,
    buffer: Buffer,
    start: number,
    end: number,
    place: EventPlace,
  ) => void;
  readonly statement?: (transaction: OpenTransaction, statement: LoggedStatement, place: EventPlace) => void;
  /** How a transaction that was prepared before has ended. */
  readonly outcome?: (transaction: OpenTransaction, outcome: XaOutcome, place: EventPlace) => void;
  readonly end: (transaction: EndedTransaction) => void;
};

type Building = {
  start: Coordinates;
  gtid: string | null;
  origin: string;
  serverId: number;
  second: number | null;
  xid: string | null;
  digest: ContentDigest;
  /** Whether a COMMIT has to come; if not, one statement is all. */
  grouped: boolean;
  /** {@link TransactionStart.voidAlter} */
  voidAlter: boolean;
  changes: number;
  statement: Statement | null;
};

type Table = {
  readonly name: TableName;
  readonly heads: Map<RowOperation, RunHead>;
  /** For walking its rows; null when they need or can not be. */
  readonly sizes: ColumnSizes | null;
};

const withoutGtid = { gtid: null, origin: '', voidAlter: false } as const;

/**
 * Puts events together to transactions, for every vendor and version, with and without GTIDs: finds where they begin
 * and end, and takes their identity. Says what it sees to a visitor; keeps no rows. The events are those of
 * committed-events.ts: what was rolled back is not among them.
 * @throws WaymarkError `unsupported-event` for what would be lost if it were passed over, `protocol` for a log that
 * makes no sense.
 */
export class TransactionAssembler {
  readonly #visitor: TransactionVisitor;
  readonly #probeBytes: () => number;
  #file = '';
  #tables = new Map<number, Table>();
  /** Whether the server that wrote the file may leave unused null bits 0: see null-bits.ts. */
  #clearsNullBits = false;
  #open: Building | null = null;
  readonly #context = new ContextReader();

  /** @param probeBytes asked at each transaction's begin: {@link ContentDigest.probed}. */
  constructor(visitor: TransactionVisitor, probeBytes: () => number = () => 0) {
    this.#visitor = visitor;
    this.#probeBytes = probeBytes;
  }

  /** The transaction under way. */
  get open(): OpenTransaction | null {
    return this.#open;
  }

  /** Takes the next event. */
  readonly event: EventVisitor = (buffer, start, end, place) => {
    if (place.file !== this.#file) this.#nextFile(place.file);
    const type = eventType(buffer, start);
    switch (fateOf(type, isIgnorable(buffer, start))) {
      case 'rows':
        this.#rows(buffer, start, end, place);
        return;
      case 'context':
        if (!this.#context.event(buffer, start, end))
          throw unsupported(`a ${nameOf(type)} that can not be read`, place);
        return;
      case 'table-map':
        this.#tableMap(buffer, start, end, place);
        return;
      case 'begin':
        this.#begin(buffer, start, end, place);
        return;
      case 'end':
        this.#end(place);
        return;
      case 'statement':
        this.#query(buffer, start, end, place);
        return;
      case 'place':
        if (type === EventType.formatDescription) this.#clearsNullBits = !isMariadbLog(buffer, start);
        return;
      case 'passed-over':
        return;
      case 'unpacked':
      case 'refused':
        throw unsupported(refusalOf(type), place);
    }
  };

  /**
   * Table ids mean nothing in the next file. The file of a server that crashed ends without a rotate event: then only the
   * one that the dump thread makes up tells.
   */
  #nextFile(file: string): void {
    this.#file = file;
    this.#tables.clear();
    this.#context.take();
    this.#refuseOpen();
  }

  #begin(buffer: Buffer, start: number, end: number, place: EventPlace): void {
    this.#refuseOpen();
    const isMariadb = eventType(buffer, start) === EventType.mariadbGtid;
    const begun = isMariadb ? readMariadbGtid(buffer, start, end) : readMysqlGtid(buffer, start, end);
    this.#open = this.#build(buffer, start, place, begun, begun.opens);
  }

  #build(
    buffer: Buffer,
    start: number,
    place: EventPlace,
    { gtid, origin, voidAlter }: Pick<TransactionStart, 'gtid' | 'origin' | 'voidAlter'>,
    grouped: boolean,
  ): Building {
    return {
      start: { file: place.file, position: place.start },
      gtid,
      origin,
      serverId: eventServerId(buffer, start),
      second: null,
      xid: place.xid,
      digest: new ContentDigest(this.#probeBytes()),
      grouped,
      voidAlter,
      changes: 0,
      statement: null,
    };
  }

  #query(buffer: Buffer, start: number, end: number, place: EventPlace): void {
    const statement = readStatement(buffer, start, end);
    const open = this.#open;
    const role = roleOfStatement(statement.sql);
    switch (role) {
      case 'begin':
      case 'xa-begin': {
        const begun = (this.#open ??= this.#build(buffer, start, place, withoutGtid, true));
        begun.grouped = true;
        begun.xid = place.xid;
        return;
      }
      case 'rollback':
      case 'rollback-to-savepoint':
        // A group whose GTID event promised that there is nothing of the kind in it, so that its rows were passed on.
        if (open !== null && open.changes > 0)
          throw unsupported(`${statement.sql} behind changes that came before`, place);
        if (role === 'rollback') this.#end(place);
        return;
      case 'commit':
        this.#end(place);
        return;
      case 'savepoint':
      case 'release-savepoint':
      case 'xa-end':
        return;
      case 'temporary-table':
        if (open?.grouped !== true) this.#end(place);
        return;
      case 'xa-outcome':
      case 'content':
        this.#statement(statement, buffer, start, end, place, role === 'xa-outcome');
    }
  }

  #statement(
    statement: Statement,
    buffer: Buffer,
    start: number,
    end: number,
    place: EventPlace,
    isOutcome: boolean,
  ): void {
    const open = (this.#open ??= this.#build(buffer, start, place, withoutGtid, false));
    const context = this.#context.take();
    if (!open.voidAlter) {
      open.second ??= eventSecond(buffer, start);
      const outcome = isOutcome ? readXaOutcome(statement) : null;
      if (outcome !== null) {
        this.#visitor.outcome?.(open, outcome, place);
        open.digest.statement(statementOfOutcome(outcome));
      } else {
        this.#visitor.statement?.(open, readMeaning(statement, buffer, start, end, context), place);
        open.digest.statement(statement);
        open.statement = statement;
      }
      open.changes += 1;
    }
    if (!open.grouped) this.#end(place);
  }

  #tableMap(buffer: Buffer, start: number, end: number, place: EventPlace): void {
    const { tableId, name } = readTableMap(buffer, start);
    const known = this.#tables.get(tableId);
    if (known?.name.table !== name.table || known.name.schema !== name.schema) {
      const sizes = this.#clearsNullBits ? readColumnSizes(buffer, start) : null;
      this.#tables.set(tableId, { name, heads: new Map(), sizes });
    }
    this.#visitor.tableMap?.(buffer, start, end, name, place);
  }

  #rows(buffer: Buffer, start: number, end: number, place: EventPlace): void {
    const event = readRowsEvent(buffer, start, end);
    const { operation, tableId, columnCount, images, complete } = event;
    if (tableId === dummyTableId || images.length === 0) return;
    const table = this.#tables.get(tableId);
    const open = this.#open;
    if (table === undefined || open === null) {
      throw new WaymarkError(
        'protocol',
        `The row event before ${formatCoordinates(endOf(place))} belongs to no transaction or table: ` +
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
    this.#visitor.rows?.(open, operation, table.name, buffer, start, end, place);
    open.digest.rows(head, images, complete);
    open.changes += 1;
  }

  #end(place: EventPlace): void {
    const open = this.#open;
    this.#open = null;
    this.#context.take();
    if (open === null) return;
    this.#visitor.end({
      start: open.start,
      end: endOf(place),
      gtid: open.gtid,
      serverId: open.serverId,
      identity:
        open.second === null
          ? null
          : { digest: open.digest.value(), second: open.second, origin: open.origin },
      statement: open.changes === 1 ? open.statement : null,
    });
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
}

function endOf({ file, end }: EventPlace): Coordinates {
  return { file, position: end };
}

function unsupported(what: string, place: EventPlace): WaymarkError {
  return unsupportedEvent(`${what}. Going on would lose changes`, place);
}
