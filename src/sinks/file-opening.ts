import { dirname, join } from 'node:path';

import type { OpenFile } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';
import { hasSystemCode, WaymarkError } from '../util/errors.js';
import type { ProcessLock } from '../util/process-lock.js';
import { AuditFile, type FileIdentity, sameFile, writeFully } from './audit-file.js';
import { nameOf } from './file-lock.js';
import { type FileNote, type FileNotes, firstNote } from './file-note.js';
import type { FilePosition } from './file-position.js';
import { readBehind, readEnding, type RecoveredFile, startsAsOurs } from './file-recovery.js';
import {
  heldAfterPlace,
  type HeldTransactions,
  joinHeld,
  nothingHeld,
  worthKeeping,
} from './held-transactions.js';
import type { RecordsEnd, SinkRecovery } from './sink.js';

/** What it takes to open a file of records. */
export type OpeningOptions = {
  /** The real path. */
  readonly path: string;
  /** The position in the last checkpoint. */
  readonly acknowledged: FilePosition | null;
  readonly notes: FileNotes;
  readonly lock: ProcessLock;
  /** Where to look for a file that was renamed and then replaced by a copy. */
  readonly copy: string | null;
  /** How many transactions a match needs, see {@link RecordsEnd}. */
  readonly wanted: number;
};

/** A file that is ready for more records, and what was found in it. */
export type OpenedFile = {
  /** It may have been renamed meanwhile. Then the rotation is still to come. */
  readonly file: AuditFile;
  readonly note: FileNote;
  readonly recovery: SinkRecovery;
  /** The position, if the transactions found reach back to it. */
  readonly acknowledged: FilePosition | null;
};

/** The file that got the last records. */
type Last = { readonly file: AuditFile; readonly note: FileNote; readonly lostFile: boolean };

/**
 * Opens the file that got the last records, even if it was renamed since. Cuts off an unfinished transaction.
 * Finds the transactions after the checkpoint, in this file and in those before it.
 * @throws WaymarkError `sink` if it isn't the checkpoint's file, or not ours. The system's error.
 */
export async function openAudit(options: OpeningOptions, signal: AbortSignal): Promise<OpenedFile> {
  const noted = await options.notes.read();
  const last = await lastFile(options, noted);
  const { file, note, lostFile } = last;
  try {
    await file.requireOneName();
    const found = await recover(last, options, signal);
    const { read } = found;
    if (read.completeEnd < read.end) {
      await options.lock.guard(() => file.cut(read.completeEnd));
      await file.sync();
    } else await file.goOnAt(read.completeEnd);
    await writeAgain(file, unsyncedFrom(options, note, read), options.lock, signal);
    const kept = { ...note, earlier: worthKeeping(note.earlier, options.wanted, options.acknowledged) };
    await options.lock.guard(() => options.notes.write(kept));
    await options.notes.removeOthers();
    return {
      file,
      note: kept,
      acknowledged: found.reachesBack ? options.acknowledged : null,
      recovery: recoveryOf(options, found, lostFile),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The most that may be written between two checkpoints: about 500 MB per second at full speed, and less on a
 * slow disk.
 */
const mostUnsynced = 512 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** Returns the offset from which no checkpoint proves that the disk has the bytes. */
function unsyncedFrom(
  { acknowledged }: OpeningOptions,
  { file }: FileNote,
  { completeEnd }: RecoveredFile,
): number {
  if (acknowledged?.file === file) return Math.min(acknowledged.transactionStart, completeEnd);
  return Math.max(0, completeEnd - mostUnsynced);
}

/**
 * Writes the last bytes again in their place, and syncs them.
 *
 * An agent before this one may have ended because the disk refused a sync. Then the system has the bytes in
 * memory only, considers them written, and no later sync writes them (fsync(2), "Errors"; PostgreSQL calls it
 * fsyncgate).
 */
async function writeAgain(
  file: AuditFile,
  from: number,
  lock: ProcessLock,
  signal: AbortSignal,
): Promise<void> {
  const { offset: end } = file;
  if (from >= end) return;
  const handle = await openToChange(file);
  try {
    const piece = Buffer.alloc(Math.min(pieceBytes, end - from));
    const starts = from > 0 ? [from - 1] : [];
    for (let at = from; at < end;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, end - at), at);
      if (bytesRead === 0) break;
      const position = at;
      starts.push(position);
      await lock.guard(() => writeFully(handle, piece.subarray(0, bytesRead), position));
      at += bytesRead;
    }
    await handle.sync();
    await requireNoHole(file, handle, starts);
  } finally {
    await handle.close();
  }
}

/**
 * Sees to it that the file wasn't cut between our reading a piece and writing it. Then there is a hole before the piece,
 * and the length is what it was. Lines have no zero bytes.
 * @param starts an offset before each piece, or where it begins.
 * @throws WaymarkError `sink` if there is a hole.
 */
async function requireNoHole(
  { path }: AuditFile,
  handle: OpenFile,
  starts: readonly number[],
): Promise<void> {
  const byte = Buffer.alloc(1);
  for (const start of starts) {
    const { bytesRead } = await handle.read(byte, 0, 1, start);
    if (bytesRead === 1 && byte[0] !== 0) continue;
    throw new WaymarkError(
      'sink',
      `the file ${path} was truncated by another process while it was opened. Put the right file back, or move this one ` +
        'to another folder. To rotate it, rename it and send SIGUSR2 to the agent (see docs/operations.md)',
      { details: { path } },
    );
  }
}

/**
 * Opens the file under the name that it has now. It may be renamed at any moment, and another file may be created
 * under its old name.
 * @throws WaymarkError `sink` if it is no longer in its folder; the system's error.
 */
async function openToChange({ path, identity }: AuditFile): Promise<OpenFile> {
  const opened = await openIfSame(path, identity);
  if (opened !== null) return opened;
  const renamed = await nameOf(dirname(path), identity);
  const found = renamed === null ? null : await openIfSame(renamed, identity);
  if (found !== null) return found;
  throw new WaymarkError(
    'sink',
    `the file ${path} was moved out of its folder while it was opened. Put it back, or leave it there and start the agent again`,
    { details: { path } },
  );
}

/** Opens a file, or returns null if there is none or another one. */
async function openIfSame(path: string, identity: FileIdentity): Promise<OpenFile | null> {
  const handle = await runtime()
    .disk.open(path, 'change')
    .catch((error: unknown) => {
      if (hasSystemCode(error, 'ENOENT')) return null;
      throw error;
    });
  if (handle === null) return null;
  if (sameFile(await handle.status(), identity)) return handle;
  await handle.close();
  return null;
}

/**
 * Finds the file that got the last records, or creates a new one. `lostFile` says that there had been one.
 */
async function lastFile(options: OpeningOptions, noted: FileNote | null): Promise<Last> {
  const { path, acknowledged } = options;
  const written: FileIdentity | null = noted ?? acknowledged;
  const number = noted?.file ?? acknowledged?.file ?? 1;
  const earlier = noted?.earlier ?? nothingHeld;
  const present = await AuditFile.openExisting(path);
  if (present !== null) {
    const { size } = await present.handle.status();
    if (size > 0 || written === null || sameFile(present.identity, written)) {
      return { file: present, note: { file: number, ...present.identity, earlier }, lostFile: false };
    }
  }
  const renamed = written === null ? null : await findRenamed(options, written, number);
  if (renamed !== null) {
    await present?.close();
    return { file: renamed, note: { file: number, ...renamed.identity, earlier }, lostFile: false };
  }
  const file = present ?? (await AuditFile.openOrCreate(path));
  if (written === null) return { file, note: firstNote(file.identity), lostFile: false };
  const behindHole = { ...nothingHeld, since: { file: number + 1, transactionStart: 0 } };
  return { file, note: { file: number + 1, ...file.identity, earlier: behindHole }, lostFile: true };
}

/**
 * Finds a file that was renamed within its folder: by its identity or, if it was copied meanwhile, by its
 * bytes.
 */
async function findRenamed(
  { path, acknowledged, copy }: OpeningOptions,
  written: FileIdentity,
  number: number,
): Promise<AuditFile | null> {
  const folder = dirname(path);
  const position = acknowledged?.file === number && acknowledged.transactionStart > 0 ? acknowledged : null;
  const named = copy ?? (await nameOf(folder, written));
  const others = position === null ? [] : await filesIn(folder);
  for (const name of named === null ? others : [named, ...others]) {
    const file = await AuditFile.openExisting(name).catch(() => null);
    if (file === null) continue;
    const isIt =
      position === null
        ? await startsAsOurs(file.handle)
        : (await file.markAt(position.transactionStart)) === position.mark;
    if (isIt) return file;
    // Another file may have the inode now.
    await file.close();
  }
  return null;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await runtime().disk.list(folder);
  return entries.filter(({ kind }) => kind === 'file').map(({ name }) => join(folder, name));
}

/** What was found in the file and in those before it. */
type Found = {
  readonly read: RecoveredFile;
  /** Whether the transactions found reach back to the checkpoint's position. */
  readonly reachesBack: boolean;
  readonly held: HeldTransactions;
};

async function recover(last: Last, options: OpeningOptions, signal: AbortSignal): Promise<Found> {
  const { file, note, lostFile } = last;
  const { acknowledged, wanted } = options;
  const toRead = { handle: file.handle, path: file.path, number: note.file };
  if (acknowledged !== null && acknowledged.file > note.file) throw olderNote(options, note);
  if (acknowledged?.file === note.file) {
    await compare(file, acknowledged);
    const read = await readBehind(toRead, acknowledged.transactionStart, signal);
    return { read, reachesBack: !read.held.hasGap, held: read.held };
  }
  // The position is in an earlier file, so all of this file is after it.
  const read = await readEnding(toRead, wanted, acknowledged === null ? null : 0, signal);
  const held = joinHeld(note.earlier, read.held);
  const behind = lostFile || acknowledged === null ? null : heldAfterPlace(held, acknowledged);
  if (behind === null) return { read, reachesBack: lostFile && acknowledged !== null, held };
  return { read, reachesBack: true, held: { ...held, transactions: behind } };
}

/** @throws WaymarkError `sink` if the file isn't the checkpoint's. */
async function compare(file: AuditFile, position: FilePosition): Promise<void> {
  const { size } = await file.handle.status();
  const refuse = (what: string): WaymarkError =>
    new WaymarkError(
      'sink',
      `the file ${file.path} ${what}. Put the right file back. Or move this one to another folder: then the agent begins a new one`,
      { details: { path: file.path } },
    );
  // It may be shorter than `offset`, if an agent died right after it had cut off the unfinished transaction.
  // Everything after transactionStart is delivered again.
  if (size < position.transactionStart) {
    throw refuse(
      `has ${String(size)} bytes, but the checkpoint says that ${String(position.offset)} were written. Somebody ` +
        'has truncated or replaced it',
    );
  }
  if ((await file.markAt(position.transactionStart)) !== position.mark) {
    throw refuse(
      `is not the file of the checkpoint: the content before byte ` +
        `${String(position.transactionStart)} differs`,
    );
  }
}

function olderNote({ path, acknowledged }: OpeningOptions, { file }: FileNote): WaymarkError {
  return new WaymarkError(
    'sink',
    `${path}.position is older than the checkpoint: it has file number ${String(file)}, but the checkpoint ` +
      `has ${String(acknowledged?.file)}. Restore the right one. Or remove both: then the stream goes on where the file ends`,
    { details: { path } },
  );
}

function recoveryOf(
  { path, acknowledged }: OpeningOptions,
  { read, reachesBack, held }: Found,
  lostFile: boolean,
): SinkRecovery {
  const warnings: string[] = [];
  if (acknowledged !== null && lostFile) {
    warnings.push(
      `the file ${path} is gone. The checkpoint says that ${String(acknowledged.offset)} bytes were written. A new ` +
        'file was begun. Records after the checkpoint are delivered again, with the same ids',
    );
  }
  if (read.zeroBytesAt !== null) {
    warnings.push(
      `the file ${path} had lost everything after byte ${String(read.completeEnd)} (zero bytes from ` +
        `${String(read.zeroBytesAt)} on, as after a power failure). It was cut there, and the rest is written again`,
    );
  }
  const bytes = read.end - read.completeEnd;
  const ending = reachesBack ? null : endingOf(path, held, lostFile);
  return {
    remembers: true,
    delivered: reachesBack ? held.transactions.map(deliveredOf) : [],
    endsBetweenTransactions: true,
    ...(ending === null ? {} : { ending }),
    ...(bytes === 0 ? {} : { cutOff: { bytes, records: read.unfinishedRecords } }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

function endingOf(path: string, held: HeldTransactions, lostFile: boolean): RecordsEnd | null {
  if (lostFile) {
    const reason =
      `there is no checkpoint, and the file ${path} is gone, although ${path}.position names it. Put the file ` +
      `back. Or remove ${path}.position to begin a new stream`;
    return { kind: 'lost', reason };
  }
  const { last, fromOneServer } = held;
  if (last === null) return null;
  return { kind: 'known', transactions: held.transactions.map(deliveredOf), last, fromOneServer };
}

function deliveredOf({
  hint,
  sequence,
  gtid,
  byGtid,
  second,
  digest,
}: HeldTransactions['transactions'][number]): SinkRecovery['delivered'][number] {
  return { hint, sequence, gtid, byGtid, second, digest };
}
