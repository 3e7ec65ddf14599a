import type { DecodedRow } from '../decode/row-decoder.js';
import type { Statement, XaOutcome } from '../binlog/query-event.js';
import type { TableName } from '../binlog/rows-event.js';
import type { ChangeRecord, RecordSource, RecordTransaction } from '../sinks/record.js';
import { WaymarkError } from '../util/errors.js';
import { withoutPasswords } from './statement-secrets.js';

/** What all records of a transaction share. */
export type RecordHead = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** {@link RecordTransaction.xa}; null when it is committed. */
  readonly xid: string | null;
  /** Second of the transaction's first content, delivered or not. */
  readonly second: number;
};

/** A place inside a transaction: what stands before it has been delivered. */
export type Boundary = { readonly changes: number; readonly contentBytes: number; readonly digest: bigint };

/** What stands on the last record alone. */
type LastMarks = { -readonly [Mark in 'last' | 'rows' | 'digest' | 'second']?: RecordTransaction[Mark] };

/** One change, not yet a record. */
export type Change =
  | { readonly kind: 'row'; readonly name: TableName; readonly row: DecodedRow }
  | { readonly kind: 'statement'; readonly statement: Statement }
  | { readonly kind: 'outcome'; readonly outcome: XaOutcome };

/**
 * Makes the records of one transaction, as its events come. The changes of the last event are held back until the
 * next one or the end, because only the transaction's last record says that it is the last.
 */
export class TransactionRecords {
  readonly #head: RecordHead;
  readonly #passOver: number;
  readonly #whole: boolean;
  #count = 0;
  #firstSecond: number | null = null;
  #held: ChangeRecord[] = [];
  /** Before what is held: all records up to here have been handed out. */
  #boundary: Boundary;

  /**
   * @param passOver how many changes at the beginning were delivered from another server.
   * @param whole hand nothing out before the end: while a transaction that was cut off is still to be found, there
   * must not be a second one that could be.
   */
  constructor(head: RecordHead, passOver: number, whole = false) {
    this.#head = head;
    this.#passOver = passOver;
    this.#whole = whole;
    this.#boundary = { changes: 0, contentBytes: 0, digest: 0n };
  }

  /** How far this transaction has been handed out. */
  get boundary(): Boundary {
    return this.#boundary;
  }

  /** Changes taken, handed out or not. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes the changes of one event, `second` being the event's own; `before` is the place before them. Gives what
   * can be delivered now.
   */
  add(
    changes: readonly Change[],
    second: number,
    before: Omit<Boundary, 'changes'>,
    source: RecordSource,
  ): readonly ChangeRecord[] {
    const ready = this.#whole ? [] : this.#held;
    if (!this.#whole) {
      this.#boundary = { ...before, changes: this.#count };
      this.#held = [];
    }
    this.#firstSecond ??= second;
    for (const change of changes) {
      if (this.#count >= this.#passOver) {
        this.#held.push(record(change, this.#head, second, this.#count, source));
      }
      this.#count += 1;
    }
    if (this.#whole && this.#held.length > maximumWholeRecords) throw tooLargeToHold(this.#head);
    return ready;
  }

  /** The transaction's end: the rest, the last record marked as such. Empty when nothing of it is delivered. */
  end(digest: bigint): readonly ChangeRecord[] {
    const last = this.#held.at(-1);
    if (last === undefined) return [];
    const { second } = this.#head;
    // The record has not been handed out yet, so it is ours to complete.
    const tx: LastMarks = last.tx;
    tx.last = true;
    tx.rows = this.#count;
    tx.digest = digest.toString(16).padStart(16, '0');
    // The identity of a transaction has the second of its first content; say so where no record does.
    if (second !== this.#firstSecond) tx.second = second;
    return this.#held;
  }
}

/** Held back at most: some 100 MB. */
const maximumWholeRecords = 100_000;

function tooLargeToHold({ hint, sequence }: RecordHead): WaymarkError {
  return new WaymarkError(
    'diverged',
    `Transaction ${sequence} behind hint ${hint ?? '(none)'} has more than ${maximumWholeRecords} changes, and the ` +
      'one that was cut off when the last server died has not come yet: they cannot be kept apart. ' +
      'Set replica_preserve_commit_order=ON on the replicas',
    { details: { hint, sequence } },
  );
}

function record(
  change: Change,
  head: RecordHead,
  second: number,
  row: number,
  source: RecordSource,
): ChangeRecord {
  const tx: RecordTransaction = {
    hint: head.hint,
    seq: head.sequence,
    row,
    ...(head.gtid === null ? {} : { gtid: head.gtid }),
    ...(head.xid === null ? {} : { xa: head.xid }),
  };
  const id = `${head.hint ?? '-'}/${head.sequence}/${row}`;
  const ts = timeOf(second);
  if (change.kind === 'statement') {
    const { schema, sql } = change.statement;
    return { id, type: 'ddl', schema, sql: withoutPasswords(sql), ts, tx, source };
  }
  if (change.kind === 'outcome') return { id, type: 'xa', ...change.outcome, ts, tx, source };
  const { schema, table } = change.name;
  const { row: decoded } = change;
  const behind = {
    ...(decoded.partial === true ? { partial: true as const } : {}),
    ...(decoded.proved === false ? { proved: false as const } : {}),
    ...{ ts, tx, source },
  };
  switch (decoded.operation) {
    case 'insert':
      return { id, type: 'row', op: 'insert', schema, table, after: decoded.after, ...behind };
    case 'delete':
      return { id, type: 'row', op: 'delete', schema, table, before: decoded.before, ...behind };
    case 'update': {
      const { before, after } = decoded;
      return { id, type: 'row', op: 'update', schema, table, before, after, ...behind };
    }
  }
}

let lastTime = { second: 0, text: new Date(0).toISOString() };

/** ISO 8601. Records of one second come by the thousand, so the last answer is kept. */
function timeOf(second: number): string {
  if (second !== lastTime.second) lastTime = { second, text: new Date(second * 1000).toISOString() };
  return lastTime.text;
}
