import type { ContentDigest } from './content-digest.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { EventPlace } from '../binlog/event.js';
import type { Identity } from './identity.js';
import type { LoggedStatement, XaOutcome } from '../binlog/query-event.js';
import type { RowsEvent, TableName } from '../binlog/rows-event.js';

/** A transaction that has begun. */
export type OpenTransaction = {
  readonly start: Coordinates;
  readonly gtid: string | null;
  readonly origin: string;
  /** The server id of the source. */
  readonly serverId: number;
  /** The id of the session on the source. Null if the log doesn't tell. */
  readonly connection: number | null;
  /** The second of the first content. Null while there is none. */
  readonly second: number | null;
  /** The XID, if the transaction is only prepared when it ends. Its outcome comes later. */
  readonly xid: string | null;
  /** The canonical content so far, for comparing the first part of a transaction. */
  readonly digest: ContentDigest;
};

/** A transaction that has ended. */
export type EndedTransaction = {
  readonly start: Coordinates;
  /** Right after it. */
  readonly end: Coordinates;
  readonly gtid: string | null;
  readonly serverId: number;
  /** Null if it has no content. Then it is not part of the history. */
  readonly identity: Identity | null;
  /** The statement, if the transaction consists of one statement (DDL, a hint). */
  readonly statement: LoggedStatement | null;
};

/**
 * Receives what the assembler finds, in the order of the log. Buffers and places are valid until the call
 * returns. A visitor that has to wait returns a promise. When it has resolved, the same event comes again.
 */
export type TransactionVisitor<Result = void> = {
  /** A table map in an open transaction, for decoding rows. */
  readonly tableMap?: (
    buffer: Buffer,
    start: number,
    end: number,
    name: TableName,
    place: EventPlace,
  ) => Result;
  readonly rows?: (
    transaction: OpenTransaction,
    event: RowsEvent,
    name: TableName,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Result;
  /** The text of the statement that changed the following rows, if the log has it. */
  readonly query?: (text: string) => void;
  readonly statement?: (
    transaction: OpenTransaction,
    statement: LoggedStatement,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Result;
  /** The outcome of a transaction that was prepared before. */
  readonly outcome?: (
    transaction: OpenTransaction,
    outcome: XaOutcome,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Result;
  readonly end: (transaction: EndedTransaction) => void;
};
