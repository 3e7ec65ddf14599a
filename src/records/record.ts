import type { ColumnValue, RowImage } from '../decode/image-values.js';

export type { ColumnValue, RowImage } from '../decode/image-values.js';

/** A record's transaction, and the record's place in it. */
export type RecordTransaction = {
  /** The hint before the transaction, without `asc:`. Null if none had been seen yet, or the stream goes by GTIDs. */
  readonly hint: string | null;
  /** Transactions since that hint, from 1. Without a hint: since the stream's beginning. */
  readonly seq: number;
  /** Changes since the transaction's start, from 0 (filtered ones don't count). */
  readonly row: number;
  readonly gtid?: string;
  /**
   * The XID of a prepared XA transaction. Its outcome comes as a record of type `xa` with the same XID. In the
   * servers' form: `X'676c6f62616c',X'6272616e6368',1` (the global and the branch part in hexadecimal, the format's
   * number).
   */
  readonly xa?: string;
  /** Time of the commit on the source, in microseconds since 1970, if the log has it (MySQL 8.0.1 and later). */
  readonly committed?: number;
  /** Id of the session on the source that wrote it, if the log has it. */
  readonly connection?: number;
  /** Only the transaction's last record has these three. */
  readonly last?: true;
  readonly rows?: number;
  /** 16 hex digits. */
  readonly digest?: string;
  /**
   * Second of the transaction's first change, on its last record. It is there only if it differs from `ts` of the
   * first record, because that change was filtered out.
   */
  readonly second?: number;
};

/** The server that a record was read from, and the place after its event. */
export type RecordSource = {
  readonly server: string;
  readonly serverId: number;
  readonly file: string;
  readonly position: number;
};

type Common = {
  /**
   * `hint/seq/row`, which is the same on every server that has the same commit order. In a stream that goes by GTIDs:
   * `gtid/row`, which is the same on every server.
   */
  readonly id: string;
  /** The second of the change on the source, ISO 8601. */
  readonly ts: string;
  readonly tx: RecordTransaction;
  readonly source: RecordSource;
};

/** Where the records ended before a gap: the place of the last one, and the number of its transaction. */
export type GapStart = RecordSource & {
  readonly hint: string | null;
  readonly seq: number;
};

/**
 * The place was lost, and the operator chose to begin the stream again (`run --accept-gap`). Changes between
 * `from` and `source` may be missing, or come twice. A gap counts as a transaction.
 */
export type GapRecord = Common & {
  readonly type: 'gap';
  /** Why the place was lost, for people. */
  readonly reason: string;
  /** Null if nobody knows where the records ended. */
  readonly from: GapStart | null;
};

type RowChange = Common & {
  readonly type: 'row';
  readonly schema: string;
  readonly table: string;
  /**
   * The names of the primary key's columns, in its order. Left out if there is no primary key, or it isn't
   * known.
   */
  readonly key?: readonly string[];
  /** The statement's text, without passwords, if the log has it and the configuration asks for it. */
  readonly query?: string;
  /** Set if the log has only some of the row's columns. Missing columns are absent from the images. */
  readonly partial?: true;
  /**
   * Set if the columns at the time of logging aren't proved. They are called `@1`, `@2`, …, or their values are as
   * the log has them.
   */
  readonly proved?: false;
};

/** Inputs of a statement that aren't in its text. Sessions log them if `binlog_format` isn't ROW. */
export type ShownContext = {
  /** The user variables that it reads, by name without `@`. */
  readonly variables?: Readonly<Record<string, ColumnValue>>;
  /** The first AUTO_INCREMENT value that it generated. */
  readonly insertId?: number | string;
  /** The value of LAST_INSERT_ID(). */
  readonly lastInsertId?: number | string;
  /** The two seeds of RAND(). */
  readonly rand?: readonly [number | string, number | string];
};

/** A statement, as its record shows it. */
export type ShownStatement = {
  /** Its default schema. */
  readonly schema: string;
  /** Without passwords. U+FFFD replaces bytes that are invalid in its character set. */
  readonly sql: string;
  /** All its bytes, if `sql` may not be exact and no password was removed. */
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
      /** {@link RecordTransaction.xa} of the records of this transaction. */
      readonly xid: string;
      readonly outcome: 'commit' | 'rollback';
    })
  | GapRecord;
