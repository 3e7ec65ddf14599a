import { WaymarkError } from '../util/errors.js';
import { AuditFile, sameFile } from './audit-file.js';
import type { FileNote, FileNotes } from './file-note.js';
import type { FilePosition } from './file-position.js';
import { readEnding } from './file-recovery.js';
import { type Held, joined, mostHeld, worthKeeping } from './held-transactions.js';

/** A file that is about to be followed by another one. */
export type RotatingFile = {
  readonly file: AuditFile;
  readonly note: FileNote;
  /** The position that the last checkpoint was saved with. */
  readonly acknowledged: FilePosition | null;
  /** Transactions delivered behind that. */
  readonly behind: number;
};

/**
 * What has to be remembered of a file and those before it when the next one is begun: what a checkpoint that has been
 * saved doesn't cover, and enough for a match. Null when that is too much, and the rotation has to wait for a checkpoint.
 */
export async function rememberedOf(
  { file, note, acknowledged, behind }: RotatingFile,
  wanted: number,
  signal: AbortSignal,
): Promise<Held | null> {
  if (behind > mostHeld) return null;
  const inThisFile = acknowledged?.file === note.file;
  const from = acknowledged === null ? null : inThisFile ? acknowledged.transactionStart : 0;
  const toRead = { handle: file.handle, path: file.path, number: note.file };
  const { held } = await readEnding(toRead, wanted, from, signal);
  return worthKeeping(joined(note.earlier, held), wanted, acknowledged);
}

/**
 * Begins the next file, under the name that the old one had. What the old one held is noted durably before anything can
 * be written into the new one. To be run under the lock.
 * @throws WaymarkError `sink` when there is something under that name; the system's error.
 */
export async function beginNext(
  { file, note }: Pick<RotatingFile, 'file' | 'note'>,
  earlier: Held,
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
        `the file ${path} was replaced while a new one was begun: move it away`,
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
