import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { WaymarkError } from '../util/errors.js';

/** Where the file sink stands, as it is kept in the checkpoint. */
export type FilePosition = {
  /** Bytes of the file that were durable. */
  readonly offset: number;
  /** Offset behind the last complete transaction: where to cut when the one behind it does not end. */
  readonly transactionStart: number;
  /** CRC-32 of the bytes right before `transactionStart`: tells the file from another of the same name. */
  readonly mark: number;
};

const markBytes = 64;

/** The position as the checkpoint carries it. */
export function toSinkPosition(position: FilePosition): SinkPosition {
  return { ...position };
}

/**
 * Reads a position that toSinkPosition wrote.
 * @throws WaymarkError `sink` when it is some other sink's.
 */
export function fromSinkPosition(position: SinkPosition, path: string): FilePosition {
  const { offset, transactionStart, mark } = position;
  if (!isOffset(offset) || !isOffset(transactionStart) || !isOffset(mark) || transactionStart > offset) {
    throw new WaymarkError(
      'sink',
      `the checkpoint was written with another kind of sink than the file ${path}: configure that one again, or ` +
        'begin a new stream',
      { details: { path, position } },
    );
  }
  return { offset, transactionStart, mark };
}

/** The mark for a place in a file. */
export async function markAt(file: FileHandle, offset: number): Promise<number> {
  const length = Math.min(markBytes, offset);
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, offset - length + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return crc32(bytes.subarray(0, read));
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
