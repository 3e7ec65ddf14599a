import { WaymarkError } from '../util/errors.js';
import { AuditFile, sameFile } from './audit-file.js';
import type { FileNote, FileNotes } from './file-note.js';
import type { FilePosition } from './file-position.js';
import { readEnding } from './file-recovery.js';
import { type HeldTransactions, joinHeld, mostHeld, worthKeeping } from './held-transactions.js';

/** A file that is about to be followed by another one. */
export type RotatingFile = {
  readonly file: AuditFile;
  readonly note: FileNote;
  /** The position in the last saved checkpoint. */
  readonly acknowledged: FilePosition | null;
  /** Transactions delivered after that position. */
  readonly behind: number;
};

/**
 * Returns what the note of the next file must hold of this file and those before it: the transactions after
 * the last saved checkpoint, and enough for a match. Null if that is too much: then the rotation waits for a
 * checkpoint.
 */
export async function heldForNextFile(
  { file, note, acknowledged, behind }: RotatingFile,
  wanted: number,
  signal: AbortSignal,
): Promise<HeldTransactions | null> {
  if (behind > mostHeld) return null;
  const inThisFile = acknowledged?.file === note.file;
  const from = acknowledged === null ? null : inThisFile ? acknowledged.transactionStart : 0;
  const toRead = { handle: file.handle, path: file.path, number: note.file };
  const { held } = await readEnding(toRead, wanted, from, signal);
  return worthKeeping(joinHeld(note.earlier, held), wanted, acknowledged);
}

/**
 * Begins the next file, under the name that the old one had. First a durable note says what the old one held.
 * Run it under the lock.
 * @throws WaymarkError `sink` if something else has that name. The system's error.
 */
export async function beginNext(
  { file, note }: Pick<RotatingFile, 'file' | 'note'>,
  earlier: HeldTransactions,
  path: string,
  notes: FileNotes,
): Promise<{ readonly file: AuditFile; readonly note: FileNote }> {
  await file.sync();
  const next = await AuditFile.openOrCreate(path);
  try {
    await next.requireOneName();
    const { size } = await next.handle.status();
    if (size > 0 || sameFile(next.identity, file.identity)) {
      throw new WaymarkError(
        'sink',
        `the file ${path} was replaced while the agent began a new one. Move it away`,
        {
          details: { path },
        },
      );
    }
    const following = { file: note.file + 1, ...next.identity, earlier };
    await notes.write(following);
    return { file: next, note: following };
  } catch (error) {
    await next.close();
    throw error;
  }
}
