import type { RowsEvent } from '../binlog/rows-event.js';
import type { XaOutcome } from '../binlog/query-event.js';
import type { RowReader } from '../decode/row-reader.js';
import type { ShownStatement } from '../records/record.js';
import type { EventHead, RecordHead } from '../records/line-parts.js';
import type { RecordWriter } from '../records/record-writer.js';
import { WaymarkError } from '../util/errors.js';

/** A place inside a transaction: what stands before it has been delivered. */
export type TransactionPrefix = {
  readonly changes: number;
  readonly contentBytes: number;
  readonly digest: bigint;
};

export type TransactionRecordsOptions = {
  readonly head: RecordHead;
  /** Second of the transaction's first content, delivered or not. */
  readonly second: number;
  /** How many changes at the beginning were delivered from another server. */
  readonly passOver: number;
  /**
   * Hand nothing out before the end: while a transaction that was cut off is still to be found, there must not be a
   * second one that could be.
   */
  readonly whole: boolean;
};

/**
 * Writes the records of one transaction, as its events come. The changes of the last event are kept back until the
 * next one or the end, because only the transaction's last record says that it is the last.
 */
export class TransactionRecords {
  readonly #writer: RecordWriter;
  readonly #options: TransactionRecordsOptions;
  #count = 0;
  #firstSecond: number | null = null;
  #handedOut: TransactionPrefix = { changes: 0, contentBytes: 0, digest: 0n };

  constructor(writer: RecordWriter, options: TransactionRecordsOptions) {
    this.#writer = writer;
    this.#options = options;
    writer.begin(options.head);
    writer.keep();
  }

  /** How far this transaction has been handed out, or may be. */
  get handedOut(): TransactionPrefix {
    return this.#handedOut;
  }

  /** Changes taken, handed out or not. */
  get count(): number {
    return this.#count;
  }

  /**
   * An event comes: what was written before it may go.
   * @param before the place before its changes.
   */
  next(before: Omit<TransactionPrefix, 'changes'>): void {
    // At the beginning nothing stands before, and all is kept back.
    if (this.#options.whole || this.#count === 0) return;
    this.#handedOut = { ...before, changes: this.#count };
    this.#writer.keep();
  }

  /** The rows of an event. @throws WaymarkError `unsupported-event` */
  rows(reader: RowReader, event: RowsEvent, buffer: Buffer, head: EventHead): void {
    const place = { row: this.#count, passOver: this.#options.passOver };
    this.#took(this.#writer.rows(reader, event, buffer, head, place), head);
  }

  statement(statement: ShownStatement, head: EventHead): void {
    if (this.#isWanted) this.#writer.statement(this.#count, statement, head);
    this.#took(1, head);
  }

  outcome(outcome: XaOutcome, head: EventHead): void {
    if (this.#isWanted) this.#writer.outcome(this.#count, outcome, head);
    this.#took(1, head);
  }

  /** The transaction's end: its last record, if one is delivered, is marked as such, and all may go. */
  end(digest: bigint): void {
    const { second } = this.#options;
    if (this.#writer.keptCount > 0) {
      // The identity of a transaction has the second of its first content; say so where no record does.
      const own = second === this.#firstSecond ? null : second;
      this.#writer.last({ rows: this.#count, digest, second: own });
    }
    this.#writer.free();
  }

  get #isWanted(): boolean {
    return this.#count >= this.#options.passOver;
  }

  #took(changes: number, { second }: EventHead): void {
    this.#firstSecond ??= second;
    this.#count += changes;
    const { whole, head } = this.#options;
    if (whole && this.#writer.keptCount > maximumWholeRecords) throw tooLargeToHold(head);
  }
}

/** Kept back at most: some 100 MB. */
const maximumWholeRecords = 100_000;

function tooLargeToHold({ hint, sequence }: RecordHead): WaymarkError {
  return new WaymarkError(
    'diverged',
    `Transaction ${sequence} after hint ${hint ?? '(none)'} has more than ${maximumWholeRecords} changes, and the ` +
      'one that was cut off when the last server died has not come yet: they cannot be kept apart. ' +
      'Set replica_preserve_commit_order=ON on the replicas',
    { details: { hint, sequence } },
  );
}
