import { crc32 } from 'node:zlib';
import { z } from 'zod';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { WaymarkError } from '../util/errors.js';

const count = z.int().min(0);

const filePosition = z
  .object({
    /** The number of the file, from 1. It grows by one with each rotation. */
    file: count,
    /** How many bytes of the file were durable. */
    offset: count,
    /** The offset after the last complete transaction. If the next one doesn't end, the file is cut here. */
    transactionStart: count,
    /**
     * CRC-32 of the bytes right before `transactionStart`. It tells the file from another with the same name.
     */
    mark: count,
    /** Device and inode, to find the file under another name. */
    device: z.string(),
    inode: z.string(),
    /** Transactions delivered up to there, counted from any start. */
    transactions: count,
  })
  .readonly();

/** The file sink's position, as the checkpoint stores it. */
export type FilePosition = z.infer<typeof filePosition>;

/** A place between two transactions, in one of the files. */
export type FilePlace = Pick<FilePosition, 'file' | 'transactionStart'>;

/** How many bytes before a place tell it from others. */
export const markBytes = 64;

/**
 * Returns the mark of a place: of the last {@link markBytes} bytes before it, or of all if there are fewer.
 */
export function markOf(bytesBefore: Buffer): number {
  return crc32(bytesBefore);
}

/** Returns the position as the checkpoint stores it. */
export function toSinkPosition(position: FilePosition): SinkPosition {
  return { ...position };
}

/**
 * Reads a position that toSinkPosition wrote.
 * @throws WaymarkError `sink` if it belongs to another kind of sink.
 */
export function fromSinkPosition(position: SinkPosition, path: string): FilePosition {
  const { data } = filePosition.safeParse(position);
  if (data === undefined || data.transactionStart > data.offset) {
    throw new WaymarkError(
      'sink',
      `the checkpoint was written with another kind of sink than the file ${path}, or by another version of waymark. ` +
        'Configure that one again. Or remove the checkpoint: then the stream goes on where the file ends',
      { details: { path, position } },
    );
  }
  return data;
}
