import type { OpenFile } from '../runtime/disk.js';

/** A line of a file. The bytes are the reader's own: they stay valid until the next line is asked for. */
export type FileLine = {
  /** Without the line feed. */
  readonly bytes: Buffer;
  /** Offset of the line's first byte. */
  readonly start: number;
  /** Offset behind the line and its line feed. */
  readonly end: number;
  /** False for what follows the file's last line feed. */
  readonly finished: boolean;
};

const firstBuffer = 1024 * 1024;
/** Bytes of the longest line that is read to its end; a longer one is given up, unfinished. */
export const longestLine = 2 ** 29;

/**
 * The lines of a file from an offset on; memory: the longest line, twice.
 *
 * @param accepts is asked about the beginning of a line before more memory is spent on it; on false the line is given
 *   as it is so far, unfinished, and the reading ends.
 */
export async function* readLines(
  file: OpenFile,
  from: number,
  signal: AbortSignal,
  accepts: (beginning: Buffer) => boolean,
): AsyncGenerator<FileLine, void, undefined> {
  let buffer = Buffer.allocUnsafe(firstBuffer);
  let filled = 0;
  let searched = 0;
  let offset = from;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;

    let lineStart = 0;
    for (;;) {
      const lineFeed = buffer.subarray(0, filled).indexOf(0x0a, searched);
      if (lineFeed === -1) break;
      const bytes = buffer.subarray(lineStart, lineFeed);
      yield { bytes, start: offset + lineStart, end: offset + lineFeed + 1, finished: true };
      lineStart = searched = lineFeed + 1;
    }
    buffer.copyWithin(0, lineStart, filled);
    offset += lineStart;
    filled -= lineStart;
    searched = filled;
    if (filled > longestLine || !accepts(buffer.subarray(0, filled))) break;
    if (filled === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
  }
  if (filled > 0)
    yield { bytes: buffer.subarray(0, filled), start: offset, end: offset + filled, finished: false };
}

const scanBytes = 64 * 1024;

/** The first place at or behind an offset where a line begins, the file's end if none does. */
export async function lineStartBehind(file: OpenFile, offset: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(scanBytes);
  for (let at = Math.max(offset - 1, 0); ;) {
    const { bytesRead } = await file.read(buffer, 0, scanBytes, at);
    if (bytesRead === 0) return at;
    const lineFeed = buffer.subarray(0, bytesRead).indexOf(0x0a);
    if (lineFeed >= 0) return at + lineFeed + 1;
    at += bytesRead;
  }
}
