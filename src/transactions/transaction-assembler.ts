import { hasBytes } from '../util/bytes.js';
import { WaymarkError } from '../util/errors.js';
import { RecentMap } from '../util/recent-map.js';
import type { OpenTransaction, TransactionVisitor } from './transaction.js';
import { ContentDigest, type RunHead, runHead, SmallContent } from './content-digest.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { formatCoordinates } from '../binlog/coordinates.js';
import {
  type EventPlace,
  eventSecond,
  EventType,
  eventServerId,
  eventType,
  headerBytes,
  isIgnorable,
  type EventVisitor,
} from '../binlog/event.js';
import { fateOf, nameOf, refusalOf } from '../binlog/event-fates.js';
import { readMariadbGtid, readMysqlGtid, type TransactionStart } from '../binlog/gtid-event.js';
import { type ColumnSizes, readColumnSizes, settleNullBits } from '../binlog/null-bits.js';
import { isMariadbLog } from '../binlog/format-description.js';
import {
  type LoggedStatement,
  readConnection,
  readMeaning,
  readRowsQuery,
  readStatement,
  readXaOutcome,
  roleOfStatement,
  type Statement,
  statementOfOutcome,
} from '../binlog/query-event.js';
import {
  dummyTableId,
  readRowsEvent,
  readTableName,
  type RowOperation,
  type TableName,
} from '../binlog/rows-event.js';
import { ContextReader } from '../binlog/statement-context.js';
import { unsupportedEvent } from '../binlog/unsupported-event.js';

type Building = {
  start: Coordinates;
  gtid: string | null;
  origin: string;
  serverId: number;
  connection: number | null;
  second: number | null;
  xid: string | null;
  digest: ContentDigest;
  /** Whether a COMMIT has to come. If not, it is a single statement. */
  grouped: boolean;
  /** See {@link TransactionStart.voidAlter}. */
  voidAlter: boolean;
  changes: number;
  statement: LoggedStatement | null;
};

type Table = {
  /** The bytes of the table map. */
  readonly body: Buffer;
  readonly name: TableName;
  readonly heads: Map<RowOperation, RunHead>;
  /** For walking through its rows. Null if they need no walk, or can't be walked through. */
  readonly sizes: ColumnSizes | null;
};

/**
 * How many table maps are remembered at least. A server with more tables than it keeps open
 * (`table_open_cache`) gives a table another id each time. But a statement has its table maps right before
 * its rows.
 */
const recentTables = 4096;

const withoutGtid = { gtid: null, origin: '', connection: null, voidAlter: false } as const;

/**
 * Assembles events into transactions, for all vendors and versions, with and without GTIDs.
 *
 * It finds where transactions begin and end, and computes their identity. It tells a visitor what it sees,
 * and keeps no rows. The events come from committed-events.ts, so nothing in them was rolled back.
 * @throws WaymarkError `unsupported-event` for an event that must not be skipped, `protocol` for an
 *   inconsistent log.
 */
export class TransactionAssembler<Result = void> {
  readonly #visitor: TransactionVisitor<Result>;
  readonly #probeBytes: () => number;
  /** For the open transaction's digest. */
  readonly #small = new SmallContent();
  #file = '';
  readonly #tables = new RecentMap<number, Table>(recentTables);
  /** Whether the server that wrote the file may leave unused null bits 0 (see null-bits.ts). */
  #clearsNullBits = false;
  #open: Building | null = null;
  readonly #context = new ContextReader();

  /** @param probeBytes called at each transaction's beginning (see {@link ContentDigest.probed}). */
  constructor(visitor: TransactionVisitor<Result>, probeBytes: () => number = () => 0) {
    this.#visitor = visitor;
    this.#probeBytes = probeBytes;
  }

  /** The transaction that has begun and not ended. */
  get open(): OpenTransaction | null {
    return this.#open;
  }

  /**
   * Takes the next event. If the visitor has to wait, returns its promise. Then pass the same event again.
   */
  readonly event: (...event: Parameters<EventVisitor>) => Result | null = (buffer, start, end, place) => {
    if (place.file !== this.#file) this.#nextFile(place.file);
    const type = eventType(buffer, start);
    switch (fateOf(type, isIgnorable(buffer, start))) {
      case 'rows':
        return this.#rows(buffer, start, end, place);
      case 'context':
        if (!this.#context.event(buffer, start, end))
          throw unsupported(`a ${nameOf(type)} that can't be read`, place);
        return null;
      case 'table-map':
        return this.#tableMap(buffer, start, end, place);
      case 'begin':
        this.#begin(buffer, start, end, place);
        return null;
      case 'end':
        this.#end(place);
        return null;
      case 'statement':
        return this.#query(buffer, start, end, place);
      case 'place':
        if (type === EventType.formatDescription) this.#clearsNullBits = !isMariadbLog(buffer, start);
        return null;
      case 'passed-over':
        return null;
      case 'query':
        this.#visitor.query?.(readRowsQuery(buffer, start, end));
        return null;
      case 'unpacked':
      case 'refused':
        throw unsupported(refusalOf(type), place);
    }
  };

  /**
   * Forgets the tables of the last file: table ids mean nothing in the next one. A crashed server's file ends
   * without a rotate event. Then only the fake rotate event of the dump thread shows the new file.
   */
  #nextFile(file: string): void {
    this.#file = file;
    this.#tables.clear();
    this.#context.clear();
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
    { gtid, origin, connection, voidAlter }: Omit<TransactionStart, 'standalone' | 'opens'>,
    grouped: boolean,
  ): Building {
    return {
      start: { file: place.file, position: place.start },
      gtid,
      origin,
      serverId: eventServerId(buffer, start),
      connection,
      second: null,
      xid: place.xid,
      digest: new ContentDigest(this.#probeBytes(), this.#small),
      grouped,
      voidAlter,
      changes: 0,
      statement: null,
    };
  }

  #query(buffer: Buffer, start: number, end: number, place: EventPlace): Result | null {
    const statement = readStatement(buffer, start, end);
    const open = this.#open;
    const role = roleOfStatement(statement.sql);
    switch (role) {
      case 'begin':
      case 'xa-begin': {
        const begun = (this.#open ??= this.#build(buffer, start, place, withoutGtid, true));
        begun.grouped = true;
        begun.xid = place.xid;
        begun.connection = readConnection(buffer, start);
        return null;
      }
      case 'rollback':
      case 'rollback-to-savepoint':
        // The GTID event promised that nothing is rolled back. So the rows were passed on already.
        if (open !== null && open.changes > 0)
          throw unsupported(`${statement.sql} after changes in the same transaction`, place);
        if (role === 'rollback') this.#end(place);
        return null;
      case 'commit':
        this.#end(place);
        return null;
      case 'savepoint':
      case 'release-savepoint':
      case 'xa-end':
        return null;
      case 'temporary-table':
        if (open?.grouped !== true) this.#end(place);
        return null;
      case 'xa-outcome':
      case 'content':
        return this.#statement(statement, buffer, start, end, place, role === 'xa-outcome');
    }
  }

  #statement(
    statement: Statement,
    buffer: Buffer,
    start: number,
    end: number,
    place: EventPlace,
    isOutcome: boolean,
  ): Result | null {
    const open = (this.#open ??= this.#build(buffer, start, place, withoutGtid, false));
    const context = this.#context.current;
    if (!open.voidAlter) {
      open.second ??= eventSecond(buffer, start);
      open.connection ??= readConnection(buffer, start);
      const outcome = isOutcome ? readXaOutcome(statement) : null;
      // Called before it is digested: the visitor sees the content so far.
      if (outcome !== null) {
        const waiting = this.#visitor.outcome?.(open, outcome, buffer, start, place);
        if (waiting instanceof Promise) return waiting;
        open.digest.statement(statementOfOutcome(outcome));
      } else {
        const meaning = readMeaning(statement, buffer, start, end, context);
        const waiting = this.#visitor.statement?.(open, meaning, buffer, start, place);
        if (waiting instanceof Promise) return waiting;
        open.digest.statement(statement);
        open.statement = meaning;
      }
      open.changes += 1;
    }
    this.#context.clear();
    if (!open.grouped) this.#end(place);
    return null;
  }

  #tableMap(buffer: Buffer, start: number, end: number, place: EventPlace): Result | null {
    const tableId = buffer.readUIntLE(start + headerBytes, 6);
    let table = this.#tables.get(tableId);
    // The same table map comes with every transaction.
    if (table === undefined || !hasBytes(table.body, buffer, start + headerBytes, end)) {
      const sizes = this.#clearsNullBits ? readColumnSizes(buffer, start, end) : null;
      const body = Buffer.from(buffer.subarray(start + headerBytes, end));
      table = { body, name: readTableName(buffer, start, end), heads: new Map(), sizes };
      this.#tables.set(tableId, table);
    }
    const waiting = this.#visitor.tableMap?.(buffer, start, end, table.name, place);
    return waiting instanceof Promise ? waiting : null;
  }

  #rows(buffer: Buffer, start: number, end: number, place: EventPlace): Result | null {
    const event = readRowsEvent(buffer, start, end);
    const { operation, tableId, columnCount, images, complete } = event;
    if (tableId === dummyTableId || images.length === 0) return null;
    const table = this.#tables.get(tableId);
    const open = this.#open;
    if (table === undefined || open === null) {
      throw new WaymarkError(
        'protocol',
        `The row event before ${formatCoordinates(endOf(place))} belongs to no transaction or table. ` +
          'Reading did not begin between transactions',
      );
    }
    open.second ??= eventSecond(buffer, start);
    let head = table.heads.get(operation);
    if (head === undefined) {
      head = runHead(table.name, operation, columnCount);
      table.heads.set(operation, head);
    }
    if (table.sizes !== null) settleNullBits(event, buffer, table.sizes);
    const waiting = this.#visitor.rows?.(open, event, table.name, buffer, start, place);
    if (waiting instanceof Promise) return waiting;
    open.digest.rows(head, images, complete);
    open.changes += 1;
    return null;
  }

  #end(place: EventPlace): void {
    const open = this.#open;
    this.#open = null;
    this.#context.clear();
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
    // A GTID event without events after it is a transaction without content. One with content must have
    // ended.
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
