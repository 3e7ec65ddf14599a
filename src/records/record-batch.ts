import { parseExactly } from '../decode/image-values.js';
import type { ChangeRecord } from './record.js';

/**
 * Records in the order of the history: a transaction, several small ones, or a part of a huge one. They are
 * written once, as lines. Values are read from the lines, so the two never differ.
 */
export type RecordBatch = {
  /** One JSON document per line, each ended by a line feed. The memory is reused for later batches. */
  readonly lines: Buffer;
  /** How many records there are. */
  readonly count: number;
  /** How many transactions end in it. */
  readonly transactions: number;
  /** Bytes up to the end of the last transaction that ends in it. 0 if none does. */
  readonly lastEnd: number;
  /**
   * The records as values. They are made on demand, and you may keep them. Don't read this after `deliver`.
   */
  readonly records: readonly ChangeRecord[];
};

const lineFeed = 0x0a;

/** The lines of a batch, and how to read them. */
export type BatchLines = Omit<RecordBatch, 'records'> & {
  /** Whether JSON.parse would lose digits (see JsonWriter). */
  readonly inexact: boolean;
};

/** Makes a batch from lines. */
export function batchOfLines({ lines, count, transactions, lastEnd, inexact }: BatchLines): RecordBatch {
  let values: readonly ChangeRecord[] | null = null;
  return {
    lines,
    count,
    transactions,
    lastEnd,
    get records() {
      return (values ??= parseLines(lines, inexact));
    },
  };
}

/** Makes a batch from values. Each is its transaction's last record, or its transaction goes on after the batch. */
export function batchOf(records: readonly ChangeRecord[]): RecordBatch {
  const lines = records.map((record) => Buffer.from(`${JSON.stringify(record)}\n`));
  const last = records.findLastIndex(({ tx }) => tx.last === true);
  return {
    lines: Buffer.concat(lines),
    count: records.length,
    transactions: records.filter(({ tx }) => tx.last === true).length,
    lastEnd: lines.slice(0, last + 1).reduce((sum, { length }) => sum + length, 0),
    records,
  };
}

function parseLines(lines: Buffer, inexact: boolean): ChangeRecord[] {
  const records: ChangeRecord[] = [];
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(lineFeed, start);
    const text = lines.toString('utf8', start, end);
    // A record writer has written them.
    records.push((inexact ? parseExactly(text) : JSON.parse(text)) as ChangeRecord);
    start = end + 1;
  }
  return records;
}
