import type { RowsEvent } from '../binlog/rows-event.js';
import type { XaOutcome } from '../binlog/query-event.js';
import type { RowReader } from '../decode/row-reader.js';
import type { ShownStatement } from '../records/record.js';
import type { EventHead, RecordHead } from '../records/line-parts.js';
import type { RecordWriter } from '../records/record-writer.js';
import { WaymarkError } from '../util/errors.js';

/** The first part of a transaction: its changes, the bytes of its content, and their digest. */
export type TransactionPrefix = {
  readonly changes: number;
  readonly contentBytes: number;
  readonly digest: bigint;
};

/** What is known of a transaction when it begins. */
export type TransactionRecordsOptions = {
  readonly head: RecordHead;
  /** The second of the transaction's first content, whether that is delivered or not. */
  readonly second: number;
  /** How many changes at the beginning were delivered from another server. */
  readonly passOver: number;
  /**
   * Whether to hand out nothing before the end. While a transaction that was cut off is still to be found, only one
   * transaction may be delivered in part.
   */
  readonly whole: boolean;
};

/**
 * Writes the records of one transaction as its events come. Keeps back the changes of the last event until the next
 * event or the end, because the transaction's last record must say that it is the last.
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

  /** The part of this transaction that was handed out, or may be. */
  get handedOut(): TransactionPrefix {
    return this.#handedOut;
  }

  /** How many changes have come, handed out or not. */
  get count(): number {
    return this.#count;
  }

  /**
   * Called before each event's changes: the records before them may be handed out.
   * @param before the content before those changes.
   */
  next(before: Omit<TransactionPrefix, 'changes'>): void {
    // Nothing precedes the first changes, so everything stays back.
    if (this.#options.whole || this.#count === 0) return;
    this.#handedOut = { ...before, changes: this.#count };
    this.#writer.keep();
  }

  /**
   * Takes the rows of an event.
   * @throws WaymarkError `unsupported-event`.
   */
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

  /** Ends the transaction: marks its last record, if one is delivered, and lets all records be handed out. */
  end(digest: bigint): void {
    const { second } = this.#options;
    if (this.#writer.keptCount > 0) {
      // A transaction's identity has the second of its first content. If no record has that second, say so.
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

/** The most records to keep back: about 100 MB. */
const maximumWholeRecords = 100_000;

function tooLargeToHold({ hint, sequence }: RecordHead): WaymarkError {
  return new WaymarkError(
    'diverged',
    `Transaction ${sequence} after hint ${hint ?? '(none)'} has more than ${maximumWholeRecords} changes, and the ` +
      'one that was cut off when the last server died has not come yet, so waymark cannot tell them apart. ' +
      'Set replica_preserve_commit_order=ON on the replicas',
    { details: { hint, sequence } },
  );
}
