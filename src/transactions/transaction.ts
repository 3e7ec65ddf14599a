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
  /** Where it was born. */
  readonly serverId: number;
  /** Id of the session on the server where it was born; null where the log doesn't tell. */
  readonly connection: number | null;
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
  readonly statement: LoggedStatement | null;
};

/**
 * What the assembler tells, in the order of the log. Buffers and places are valid until the call returns. Who has to wait
 * before it can take something answers with a promise, and is told again when that has resolved.
 */
export type TransactionVisitor<Answer = void> = {
  /** A table map in an open transaction, for whoever decodes rows. */
  readonly tableMap?: (
    buffer: Buffer,
    start: number,
    end: number,
    name: TableName,
    place: EventPlace,
  ) => Answer;
  readonly rows?: (
    transaction: OpenTransaction,
    event: RowsEvent,
    name: TableName,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Answer;
  /** The text of the statement whose rows follow, where the log has it. */
  readonly query?: (text: string) => void;
  readonly statement?: (
    transaction: OpenTransaction,
    statement: LoggedStatement,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Answer;
  /** How a transaction that was prepared before has ended. */
  readonly outcome?: (
    transaction: OpenTransaction,
    outcome: XaOutcome,
    buffer: Buffer,
    start: number,
    place: EventPlace,
  ) => Answer;
  readonly end: (transaction: EndedTransaction) => void;
};
