import type { OpenFile } from '../runtime/disk.js';
import { WaymarkError } from '../util/errors.js';
import { type Held, type HeldTransaction, mostHeld, suffices } from './held-transactions.js';
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

/** Which file is read, and what is known of it. */
export type FileToRead = {
  readonly handle: OpenFile;
  /** For messages. */
  readonly path: string;
  /** Its number among those that the records went to. */
  readonly number: number;
};

/** Where to read a file. */
type RecoveryRange = FileToRead & {
  /** Reading begins here: between two transactions, or `anywhere`, and then at the first transaction's end behind. */
  readonly from: number;
  readonly anywhere?: true;
  /** Whether it is certain that the file is ours. */
  readonly known: boolean;
  /** Most transactions to come, where more is an error; else the last {@link mostHeld} are given. */
  readonly most?: number;
};

/** What a file holds from a place on. */
export type RecoveredFile = {
  readonly held: Held;
  /** Offset behind the last complete transaction. */
  readonly completeEnd: number;
  /** Offset of the file's end. */
  readonly end: number;
  /** Lines behind the last complete transaction; an unfinished one counts. */
  readonly unfinishedRecords: number;
  /** Offset of zero bytes where a line should begin (power was lost while it was written); null: there are none. */
  readonly zeroBytesAt: number | null;
};

/** Behind a checkpoint there are never so many: it would take hundreds of megabytes. */
const mostBehindCheckpoint = 1_000_000;

/** Bytes before the end that are read at first. */
const firstWindow = 4 * 1024 * 1024;
/** No more is read for the sake of a longer list. */
const largestWindow = 512 * 1024 * 1024;

/**
 * Reads the file from a place between two transactions, which a checkpoint vouches for, to its end. Changes nothing.
 * @throws WaymarkError `sink` when there are other bytes than this sink's own lines.
 */
export function readBehind(file: FileToRead, from: number, signal: AbortSignal): Promise<RecoveredFile> {
  return readTransactions({ ...file, from, known: true, most: mostBehindCheckpoint }, signal);
}

/**
 * Reads the end of a file: enough transactions for a match, or all that it has. Reads backwards in steps, so that the
 * time it takes doesn't depend on the file's length. Changes nothing.
 * @param wanted transactions, at least.
 * @param atLeastFrom a place between two transactions: what stands behind it is read in any case.
 * @throws WaymarkError `sink` when there are other bytes than this sink's own lines.
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
    const enough = suffices(transactions, wanted) || hasGap || transactions.length >= mostHeld;
    if (enough || (window >= largestWindow && transactions.length > 0)) return read;
  }
}

async function readTransactions(range: RecoveryRange, signal: AbortSignal): Promise<RecoveredFile> {
  const { handle, number, most } = range;
  const start = range.anywhere ? await lineStartBehind(handle, range.from) : range.from;
  const end = new Ending(number, start);
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

/** The transactions of a file, as its lines come. */
class Ending {
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

  get held(): Held {
    const since = this.#since === 0 ? null : { file: this.#number, transactionStart: this.#since };
    return {
      since,
      transactions: this.#transactions,
      last: this.#last,
      hasGap: this.#hasGap,
      fromOneServer: this.#fromOneServer,
    };
  }

  /** Begins behind a transaction's last line. */
  beginBehind({ hint, sequence, source, isGap }: DecodedLine, end: number): void {
    this.#since = this.completeEnd = end;
    this.#hasGap = isGap;
    this.#last = isGap ? { hint, sequence, source, isGap } : null;
  }

  /** Takes a line; true when it ends a transaction. */
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
      // Most have their neighbour's hint: its text is kept once.
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

/** Whether a file begins with a line of ours. */
export async function startsAsOurs(handle: OpenFile): Promise<boolean> {
  const buffer = Buffer.alloc(longestStart);
  const { bytesRead } = await handle.read(buffer, 0, longestStart, 0);
  return isLineStart(buffer.subarray(0, bytesRead));
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

function foreignBytes({ path }: Pick<FileToRead, 'path'>, offset: number): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds something other than this agent's records, from byte ${String(offset)} on. Nothing was changed in ` +
      'it. Give the sink a file of its own, or repair this one, or move it to another folder, and the agent begins a new one',
    { details: { path, offset } },
  );
}

function tooMany({ path, from }: RecoveryRange, most: number): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path} holds more than ${String(most)} transactions after byte ${String(from)}, the place of the last ` +
      'checkpoint: too many to compare. Restore a newer checkpoint, or remove it: then the stream goes on ' +
      'where the file ends',
    { details: { path, offset: from } },
  );
}
