import type { OpenFile } from '../runtime/disk.js';
import { WaymarkError } from '../util/errors.js';
import {
  type HeldTransaction,
  type HeldTransactions,
  mostHeld,
  enoughForMatch,
} from './held-transactions.js';
import { type FileLine, lineStartBehind, longestLine, readLines } from './line-reader.js';
import {
  type DecodedLine,
  decodeLine,
  isLineStart,
  longestStart,
  mayBeLine,
  transactionOf,
} from '../records/ndjson.js';
import type { LastRecord } from './sink.js';

/** The file to read. */
export type FileToRead = {
  readonly handle: OpenFile;
  /** For messages. */
  readonly path: string;
  /** Its number among the files of the sink. */
  readonly number: number;
};

/** Where to read a file. */
type RecoveryRange = FileToRead & {
  /**
   * Where reading begins: between two transactions. With `anywhere`: at the first end of a transaction from
   * here on.
   */
  readonly from: number;
  readonly anywhere?: true;
  /** Whether the file is certainly ours. */
  readonly known: boolean;
  /**
   * The most transactions allowed from there on. More is an error. If left out, the last {@link mostHeld} are
   * returned.
   */
  readonly most?: number;
};

/** What a file holds from an offset on. */
export type RecoveredFile = {
  readonly held: HeldTransactions;
  /** The offset after the last complete transaction. */
  readonly completeEnd: number;
  /** The offset of the file's end. */
  readonly end: number;
  /** Lines after the last complete transaction, an incomplete line included. */
  readonly unfinishedRecords: number;
  /**
   * The offset of zero bytes where a line should begin: power was lost during the write. Null if there are
   * none.
   */
  readonly zeroBytesAt: number | null;
};

/** There are never so many transactions after a checkpoint: they would take hundreds of megabytes. */
const mostBehindCheckpoint = 1_000_000;

/** How many bytes before the end are read first. */
const firstWindow = 4 * 1024 * 1024;
/** The list isn't made longer by reading more than this. */
const largestWindow = 512 * 1024 * 1024;

/**
 * Reads the file to its end from a place between two transactions that a checkpoint vouches for. Changes
 * nothing.
 * @throws WaymarkError `sink` if it holds anything but this sink's lines.
 */
export function readBehind(file: FileToRead, from: number, signal: AbortSignal): Promise<RecoveredFile> {
  return readTransactions({ ...file, from, known: true, most: mostBehindCheckpoint }, signal);
}

/**
 * Reads the end of a file: enough transactions for a match, or all that it has. Reads backwards in steps, so
 * the time doesn't depend on the file's length. Changes nothing.
 * @param wanted the least number of transactions.
 * @param atLeastFrom a place between two transactions. Everything after it is read in any case.
 * @throws WaymarkError `sink` if it holds anything but this sink's lines.
 */
export async function readEnding(
  file: FileToRead,
  wanted: number,
  atLeastFrom: number | null,
  signal: AbortSignal,
): Promise<RecoveredFile> {
  const { size } = await file.handle.status();
  if (size > firstWindow && !(await startsAsOurs(file.handle))) throw foreignBytes(file, 0);
  for (let window = firstWindow; ; window *= 4) {
    const from = Math.max(size - window, 0);
    if (from === 0) return readTransactions({ ...file, from, known: false }, signal);
    const range: RecoveryRange =
      atLeastFrom !== null && atLeastFrom < from
        ? { ...file, from: atLeastFrom, known: true }
        : { ...file, from, anywhere: true, known: true };
    const read = await readTransactions(range, signal);
    const { transactions, hasGap } = read.held;
    const enough = enoughForMatch(transactions, wanted) || hasGap || transactions.length >= mostHeld;
    if (enough || (window >= largestWindow && transactions.length > 0)) return read;
  }
}

async function readTransactions(range: RecoveryRange, signal: AbortSignal): Promise<RecoveredFile> {
  const { handle, number, most } = range;
  const start = range.anywhere ? await lineStartBehind(handle, range.from) : range.from;
  const end = new LineCollector(number, start);
  let aligned = range.anywhere !== true;
  let unfinishedRecords = 0;
  let zeroBytesAt: number | null = null;
  for await (const line of readLines(handle, start, signal, mayBeLine)) {
    const decoded = line.finished ? decodeLine(line.bytes) : null;
    if (decoded === null) {
      const ours = range.known || line.start > range.from;
      if (isUnfinished(line, ours)) unfinishedRecords++;
      else if (isLostWrite(line, ours)) zeroBytesAt = line.start;
      else throw foreignBytes(range, line.start);
      break;
    }
    if (!aligned) {
      aligned = decoded.last !== null || decoded.isGap;
      if (aligned) end.beginBehind(decoded, line.end);
      continue;
    }
    unfinishedRecords = end.line(decoded, line.end) ? 0 : unfinishedRecords + 1;
    if (most !== undefined && end.count > most) throw tooMany(range, most);
    if (most === undefined) end.forgetOld();
  }
  const { size } = await handle.status();
  return { held: end.held, completeEnd: end.completeEnd, end: size, unfinishedRecords, zeroBytesAt };
}

/** Collects the transactions of a file, line by line. */
class LineCollector {
  readonly #number: number;
  #since: number;
  #transactions: HeldTransaction[] = [];
  #last: LastRecord | null = null;
  #hasGap = false;
  #fromOneServer = true;
  #firstSecond: number | null = null;
  completeEnd: number;

  constructor(number: number, from: number) {
    this.#number = number;
    this.#since = from;
    this.completeEnd = from;
  }

  get count(): number {
    return this.#transactions.length;
  }

  get held(): HeldTransactions {
    const since = this.#since === 0 ? null : { file: this.#number, transactionStart: this.#since };
    return {
      since,
      transactions: this.#transactions,
      last: this.#last,
      hasGap: this.#hasGap,
      fromOneServer: this.#fromOneServer,
    };
  }

  /** Begins after a transaction's last line. */
  beginBehind({ hint, sequence, source, isGap }: DecodedLine, end: number): void {
    this.#since = this.completeEnd = end;
    this.#hasGap = isGap;
    this.#last = isGap ? { hint, sequence, source, isGap } : null;
  }

  /** Takes a line. Returns whether it ends a transaction. */
  line(line: DecodedLine, end: number): boolean {
    this.#firstSecond ??= line.second;
    if (!line.isGap && line.last === null) return false;
    const { hint, sequence, source, isGap } = line;
    const transaction = transactionOf(line, this.#firstSecond);
    if (transaction === null) {
      this.#transactions = [];
      this.#hasGap = this.#fromOneServer = true;
      this.#since = end;
    } else {
      // Neighbours mostly have the same hint. They share one string.
      const before = this.#transactions.at(-1)?.hint;
      const shared = before === hint ? before : hint;
      this.#transactions.push({ ...transaction, hint: shared, file: this.#number, transactionStart: end });
      if (this.#last !== null && this.#last.source.server !== source.server) this.#fromOneServer = false;
    }
    this.#last = { hint, sequence, source, isGap };
    this.#firstSecond = null;
    this.completeEnd = end;
    return true;
  }

  forgetOld(): void {
    if (this.#transactions.length < 2 * mostHeld) return;
    const before = this.#transactions[mostHeld - 1];
    this.#since = before?.transactionStart ?? this.#since;
    this.#transactions = this.#transactions.slice(mostHeld);
  }
}

/** Returns whether a file begins with a line of ours. */
export async function startsAsOurs(handle: OpenFile): Promise<boolean> {
  const buffer = Buffer.alloc(longestStart);
  const { bytesRead } = await handle.read(buffer, 0, longestStart, 0);
  return isLineStart(buffer.subarray(0, bytesRead));
}

/**
 * Returns whether a line of ours was being written when its writer died.
 * @param ours whether the file is known to be ours. If not, more of the line must be there to tell.
 */
function isUnfinished({ bytes, finished }: FileLine, ours: boolean): boolean {
  if (finished || bytes.length > longestLine) return false;
  return ours ? mayBeLine(bytes) : isLineStart(bytes);
}

/**
 * Returns whether a write was lost. After a power failure, a file system may show zero bytes where data
 * hadn't reached the disk. Our lines never contain one, and everything after the checkpoint can be written
 * again.
 */
function isLostWrite({ bytes }: FileLine, ours: boolean): boolean {
  return ours && bytes.includes(0);
}

function foreignBytes({ path }: Pick<FileToRead, 'path'>, offset: number): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds something other than this agent's records, from byte ${String(offset)} on. The agent ` +
      "didn't change it. Give the sink its own file, or repair this one. Or move it to another folder: then the " +
      'agent begins a new one',
    { details: { path, offset } },
  );
}

function tooMany({ path, from }: RecoveryRange, most: number): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds more than ${String(most)} transactions after byte ${String(from)}, the place of the last ` +
      'checkpoint. That is too many to compare. Restore a newer checkpoint. Or remove it: then the stream goes on ' +
      'where the file ends',
    { details: { path, offset: from } },
  );
}
