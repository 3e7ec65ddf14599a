import type { ColumnValue, RowImage } from '../decode/image-values.js';

export type { ColumnValue, RowImage } from '../decode/image-values.js';

/** Where a record comes from in its transaction. */
export type RecordTransaction = {
  /** The hint before the transaction, without `asc:`; null when none had been seen yet. */
  readonly hint: string | null;
  /** Transactions since that hint, from 1. */
  readonly seq: number;
  /** Changes since the transaction's start, from 0 (filtered ones don't count). */
  readonly row: number;
  readonly gtid?: string;
  /**
   * The XID of an XA transaction that was prepared, and neither committed nor rolled back yet: its outcome comes as a
   * record of type `xa` with the same XID. As servers write it: `X'676c6f62616c',X'6272616e6368',1` (the global and the
   * branch part in hexadecimal, the format's number).
   */
  readonly xa?: string;
  /** When it was committed on the source, in microseconds since 1970, where the log tells (MySQL 8.0.1 and later). */
  readonly committed?: number;
  /** Id of the session on the source that wrote it, where the log tells. */
  readonly connection?: number;
  /** These three stand on the transaction's last record only. */
  readonly last?: true;
  readonly rows?: number;
  /** 16 hex digits. */
  readonly digest?: string;
  /**
   * Second of the transaction's first change, on the last record; needed only when it is not the one in `ts` of the
   * transaction's first record (because that change was filtered out).
   */
  readonly second?: number;
};

/** The server that a record was read from, and the place behind the event it stood in. */
export type RecordSource = {
  readonly server: string;
  readonly serverId: number;
  readonly file: string;
  readonly position: number;
};

type Common = {
  /** `hint/seq/row`; the same whichever server the record was read from, as long as the commit order is. */
  readonly id: string;
  /** Second of the change on the source, ISO 8601. */
  readonly ts: string;
  readonly tx: RecordTransaction;
  readonly source: RecordSource;
};

/** Where the records ended before a gap: the last one's place, and its transaction's number. */
export type GapStart = RecordSource & {
  readonly hint: string | null;
  readonly seq: number;
};

/**
 * The stream was begun anew where its place was lost, because the operator has chosen so (`run --accept-gap`): what was
 * committed between `from` and `source` may be missing, or come a second time. It counts as a transaction of its own.
 */
export type GapRecord = Common & {
  readonly type: 'gap';
  /** Why the place was lost, for people. */
  readonly reason: string;
  /** Null when nothing is known of where the records ended. */
  readonly from: GapStart | null;
};

type RowChange = Common & {
  readonly type: 'row';
  readonly schema: string;
  readonly table: string;
  /** Names of the primary key's columns, in its order; left out where there is none, or it isn't known. */
  readonly key?: readonly string[];
  /** The statement's text, where the log has it and the configuration asks for it; without passwords. */
  readonly query?: string;
  /** Set where the log has only some of the row's columns: those that are missing are absent from the images. */
  readonly partial?: true;
  /**
   * Set where nothing proves what the columns were when the row was logged: they are called `@1`, `@2`, …, or their values
   * are given as the log has them.
   */
  readonly proved?: false;
};

/** What a statement was carried out with and doesn't say itself: logged in sessions whose `binlog_format` isn't ROW. */
export type ShownContext = {
  /** User variables that it reads, by name without `@`. */
  readonly variables?: Readonly<Record<string, ColumnValue>>;
  /** The first AUTO_INCREMENT value that it gave. */
  readonly insertId?: number | string;
  /** What LAST_INSERT_ID() was. */
  readonly lastInsertId?: number | string;
  /** The two seeds of RAND(). */
  readonly rand?: readonly [number | string, number | string];
};

/** What a record says of a statement. */
export type ShownStatement = {
  /** Its default schema. */
  readonly schema: string;
  /** Without passwords. What is no character of its character set stands as U+FFFD. */
  readonly sql: string;
  /** All its bytes, where `sql` isn't sure to be all of what they say, and no password was taken out. */
  readonly sqlBytes?: { readonly $base64: string };
  readonly context?: ShownContext;
};

/** One line of output: a row that changed, a statement (DDL), the outcome of a prepared XA transaction, or a gap. */
export type ChangeRecord =
  | (RowChange & { readonly op: 'insert'; readonly after: RowImage })
  | (RowChange & { readonly op: 'delete'; readonly before: RowImage })
  | (RowChange & { readonly op: 'update'; readonly before: RowImage; readonly after: RowImage })
  | (Common & ShownStatement & { readonly type: 'ddl' })
  | (Common & {
      readonly type: 'xa';
      /** {@link RecordTransaction.xa} of the records whose transaction ends so. */
      readonly xid: string;
      readonly outcome: 'commit' | 'rollback';
    })
  | GapRecord;
