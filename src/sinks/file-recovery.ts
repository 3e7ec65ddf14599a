import type { FileHandle } from 'node:fs/promises';

import { WaymarkError } from '../util/errors.js';
import { type FileLine, longestLine, readLines } from './line-reader.js';
import { decodeLine, isLineStart, mayBeLine, transactionOf } from './ndjson.js';
import type { DeliveredTransaction } from './sink.js';

/** Where to read a file, and what is known of it. */
export type RecoveryRange = {
  readonly path: string;
  /** A place between two transactions: reading begins here. */
  readonly from: number;
  /** Whether a checkpoint vouches that the file is ours. */
  readonly known: boolean;
};

/** What a file holds behind the beginning of the range. */
export type RecoveredFile = {
  readonly delivered: readonly DeliveredTransaction[];
  /** Offset behind the last complete transaction. */
  readonly completeEnd: number;
  /** Offset of the file's end. */
  readonly end: number;
  /** Lines behind the last complete transaction; an unfinished one counts. */
  readonly unfinishedRecords: number;
  /** Offset of zero bytes where a line should begin (power was lost while it was written); null: there are none. */
  readonly zeroBytesAt: number | null;
};

/** More would take hundreds of megabytes; between two checkpoints there are never so many. */
const mostTransactions = 1_000_000;

/**
 * Reads the file from the beginning of the range to its end and finds the complete transactions. Changes nothing.
 * @throws WaymarkError `sink` when there are other bytes than this sink's own lines.
 */
export async function readTransactions(
  file: FileHandle,
  range: RecoveryRange,
  signal: AbortSignal,
): Promise<RecoveredFile> {
  const delivered: DeliveredTransaction[] = [];
  let completeEnd = range.from;
  let unfinishedRecords = 0;
  let firstSecond: number | null = null;
  let zeroBytesAt: number | null = null;

  for await (const line of readLines(file, range.from, signal, mayBeLine)) {
    const decoded = line.finished ? decodeLine(line.bytes) : null;
    if (decoded === null) {
      const ours = range.known || line.start > range.from;
      if (isUnfinished(line, ours)) unfinishedRecords++;
      else if (isLostWrite(line, ours)) zeroBytesAt = line.start;
      else throw foreignBytes(range, line.start);
      break;
    }
    firstSecond ??= decoded.second;
    unfinishedRecords++;
    const transaction = transactionOf(decoded, firstSecond);
    if (transaction === null) continue;
    if (delivered.length === mostTransactions) throw tooMany(range);
    delivered.push(shareHint(transaction, delivered.at(-1)));
    completeEnd = line.end;
    unfinishedRecords = 0;
    firstSecond = null;
  }
  const { size } = await file.stat();
  return { delivered, completeEnd, end: size, unfinishedRecords, zeroBytesAt };
}

/**
 * Whether it is a line of ours that was being written when its writer died.
 * @param ours whether the file is known to be ours; if it isn't, more of the line must be there to tell by.
 */
function isUnfinished({ bytes, finished }: FileLine, ours: boolean): boolean {
  if (finished || bytes.length > longestLine) return false;
  return ours ? mayBeLine(bytes) : isLineStart(bytes);
}

/**
 * After a power failure a file system may show zero bytes where data had not reached the disk. No line of ours ever
 * holds one, and all that stands behind the checkpoint can be written again.
 */
function isLostWrite({ bytes }: FileLine, ours: boolean): boolean {
  return ours && bytes.includes(0);
}

/** Most transactions have their neighbour's hint: keep its text once. */
function shareHint(
  transaction: DeliveredTransaction,
  previous: DeliveredTransaction | undefined,
): DeliveredTransaction {
  return previous?.hint === transaction.hint ? { ...transaction, hint: previous.hint } : transaction;
}

function foreignBytes({ path }: RecoveryRange, offset: number): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds something else than this agent's records, from byte ${String(offset)} on. Nothing was changed in ` +
      'it. Give the sink a file of its own, or repair this one, or move it away and the agent begins a new one',
    { details: { path, offset } },
  );
}

function tooMany({ path, from }: RecoveryRange): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds more than ${String(mostTransactions)} transactions behind byte ${String(from)}, where the last ` +
      'checkpoint stands: too many to compare. Restore a newer checkpoint, or move the file away; then what it ' +
      'holds behind the checkpoint is delivered again, with the same ids',
    { details: { path, offset: from } },
  );
}
