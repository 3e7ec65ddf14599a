import { crc32 } from 'node:zlib';
import { z } from 'zod';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { WaymarkError } from '../util/errors.js';

const count = z.int().min(0);

const filePosition = z
  .object({
    /** Number of the file among those that the records went to, from 1: it grows by one with each rotation. */
    file: count,
    /** Bytes of the file that were durable. */
    offset: count,
    /** Offset behind the last complete transaction: where to cut when the one behind it does not end. */
    transactionStart: count,
    /** CRC-32 of the bytes right before `transactionStart`: tells the file from another of the same name. */
    mark: count,
    /** Device and inode: by them it is found under another name. */
    device: z.string(),
    inode: z.string(),
    /** Transactions delivered up to there, counted from wherever the counting began. */
    transactions: count,
  })
  .readonly();

/** Where the file sink stands, as it is kept in the checkpoint. */
export type FilePosition = z.infer<typeof filePosition>;

/** A place between two transactions, in all the files. */
export type FilePlace = Pick<FilePosition, 'file' | 'transactionStart'>;

/** Bytes before a place that tell it from any other. */
export const markBytes = 64;

/** The mark of the bytes before a place: the last {@link markBytes} of them, or as many as there are. */
export function markOf(bytesBefore: Buffer): number {
  return crc32(bytesBefore);
}

/** The position as the checkpoint carries it. */
export function toSinkPosition(position: FilePosition): SinkPosition {
  return { ...position };
}

/**
 * Reads a position that toSinkPosition wrote.
 * @throws WaymarkError `sink` when it is some other sink's.
 */
export function fromSinkPosition(position: SinkPosition, path: string): FilePosition {
  const { data } = filePosition.safeParse(position);
  if (data === undefined || data.transactionStart > data.offset) {
    throw new WaymarkError(
      'sink',
      `the checkpoint was written with another kind of sink than the file ${path}, or by another version of waymark: ` +
        'configure that one again, or remove the checkpoint, and the stream goes on where the file ends',
      { details: { path, position } },
    );
  }
  return data;
}
