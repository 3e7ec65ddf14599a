import type { RowImage } from '../binlog/row-values.js';

export type { ColumnValue, RowImage } from '../binlog/row-values.js';

/** Where a record comes from in its transaction. */
export type RecordTransaction = {
  /** The hint before the transaction, without `asc:`; null when none had been seen yet. */
  readonly hint: string | null;
  /** Transactions since that hint, from 1. */
  readonly seq: number;
  /** Changes since the transaction's start, from 0 (filtered ones don't count). */
  readonly row: number;
  readonly gtid?: string;
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

/** What is in a schema. */
type Change = Common & { readonly schema: string };

/** Where the records ended before a gap: the last one's place, its transaction's number, and its second. */
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

/** One line of output: a row that changed, a statement (DDL), or a gap. */
export type ChangeRecord =
  | (Change & {
      readonly type: 'row';
      readonly op: 'insert';
      readonly table: string;
      readonly after: RowImage;
    })
  | (Change & {
      readonly type: 'row';
      readonly op: 'delete';
      readonly table: string;
      readonly before: RowImage;
    })
  | (Change & {
      readonly type: 'row';
      readonly op: 'update';
      readonly table: string;
      readonly before: RowImage;
      readonly after: RowImage;
    })
  | (Change & { readonly type: 'ddl'; readonly sql: string })
  | GapRecord;
