import type { OpenFile } from '../runtime/disk.js';

/** A line of a file. The bytes belong to the reader, and are valid until the next line is read. */
export type FileLine = {
  /** Without the line feed. */
  readonly bytes: Buffer;
  /** Offset of the line's first byte. */
  readonly start: number;
  /** Offset after the line and its line feed. */
  readonly end: number;
  /** False for the bytes after the file's last line feed. */
  readonly finished: boolean;
};

const firstBuffer = 1024 * 1024;
/** The most bytes of a line. A longer one comes unfinished. */
export const longestLine = 2 ** 29;

/**
 * Reads the lines of a file from an offset on. It needs twice the memory of the longest line.
 * @param accepts decides by the beginning of a line whether it is worth more memory. If it returns false, the
 *   line comes unfinished, and reading ends.
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

/** Returns the first offset from here on where a line begins, or the file's end. */
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
