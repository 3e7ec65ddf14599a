import { crc32 } from 'node:zlib';

import { formatAddress } from '../config/address.js';
import { isAnchor, type TrailEntry } from '../matching/trail.js';
import { WaymarkError, messageOf } from '../util/errors.js';

import type { Checkpoint } from './checkpoint.js';
import { type RecordBase, decodeBody, encodeBody, recordBaseOf } from './record-body.js';
import { digestBytes } from './trail-columns.js';

/** The most bytes of a record, however long the trail is. */
export const recordLimitBytes = 256 * 1024;

/** A record, and how many of the trail's entries didn't fit. */
export type EncodedCheckpoint = { readonly bytes: Buffer; readonly droppedEntries: number };

/** Which stream's record is expected, and its place, for messages. */
export type RecordLocation = { readonly stream: string; readonly location: string };

/*
 * The frame. Numbers are little-endian:
 *   0  4 bytes  magic; its first byte is no text in any encoding
 *   4  1 byte   version of the format
 *   5  4 bytes  length of the body
 *   9  4 bytes  CRC-32 of bytes 0 to 8 and the body
 *  13           the body (record-body.ts)
 */
const magic = Buffer.from([0x8a, 0x57, 0x4d, 0x4b]);
const versionOffset = 4;
const lengthOffset = 5;
const crcOffset = 9;
const bodyOffset = 13;
/**
 * Trails of versions 1 and 2 can't be compared with any log. In version 1, digests included the unused null
 * bits of MySQL's row images as the server set them. In version 2, they were of the content alone, and didn't
 * say how it can be compared.
 */
const formatVersion = 5;
/**
 * Version 4 had hints as anchors. A stream with hints is still written so, and an agent of an earlier waymark can take
 * over from one of this.
 */
const versionWithHints = 4;
/** Version 3 had no layouts. The rest is unchanged. */
const versionWithoutLayouts = 3;
const olderVersions: readonly number[] = [1, 2];

/**
 * Encodes a checkpoint as one record of at most `limitBytes`.
 *
 * A trail that doesn't fit loses its oldest entries. The rest begins with an anchor, because a trail without
 * one can't be found on another server. If even the newest anchor and the entries after it don't fit, the record
 * has no entries.
 * @throws WaymarkError `checkpoint-store` if the record doesn't fit even without a trail.
 * @throws RangeError if the checkpoint holds impossible values: a negative count, NaN, a digest of more than
 *   64 bits.
 */
export function encodeCheckpoint(checkpoint: Checkpoint, limitBytes = recordLimitBytes): EncodedCheckpoint {
  const base = recordBaseOf(checkpoint);
  const { entries } = checkpoint.trail;
  const fitting = new Fitting(base, entries, limitBytes);
  const whole = fitting.encode(0);
  if (whole !== null) return { bytes: whole, droppedEntries: 0 };
  const tail = fitting.longestTail();
  if (tail !== null) return tail;
  const bare = fitting.encode(entries.length);
  if (bare !== null) return { bytes: bare, droppedEntries: entries.length };
  throw new WaymarkError(
    'checkpoint-store',
    `The checkpoint of stream "${checkpoint.stream}" doesn't fit into ${limitBytes} bytes even without its trail. ` +
      `Its GTID set or the sink's position is too long.`,
    { details: { stream: checkpoint.stream, limitBytes } },
  );
}

/** Finds the longest end of a trail that fits. */
class Fitting {
  readonly #base: RecordBase;
  readonly #entries: readonly TrailEntry[];
  readonly #limit: number;
  /** The size in the latest attempt, whether it fitted or not. */
  #lastSize = 0;

  constructor(base: RecordBase, entries: readonly TrailEntry[], limit: number) {
    this.#base = base;
    this.#entries = entries;
    this.#limit = limit;
  }

  /** Encodes the record with the entries from `start` on. Null if it is too large. */
  encode(start: number): Buffer | null {
    const least = this.#leastBytes(start);
    if (least > this.#limit) {
      this.#lastSize = least;
      return null;
    }
    const body = encodeBody(this.#base, this.#entries, start);
    this.#lastSize = body === null ? Number.MAX_SAFE_INTEGER : bodyOffset + body.length;
    if (body === null || this.#lastSize > this.#limit) return null;
    return frame(body, this.#base.anchors === 'gtid' ? formatVersion : versionWithHints);
  }

  /**
   * Bisects over the anchors. The sizes so far tell where to try first, so two or three encodings are enough
   * instead of a dozen. Stops when nine tenths of the room are used: more attempts would gain little.
   */
  longestTail(): EncodedCheckpoint | null {
    const cuts = this.#entries.flatMap((entry, index) => (isAnchor(entry) && index > 0 ? [index] : []));
    let best: EncodedCheckpoint | null = null;
    let low = 0;
    let high = cuts.length;
    let guess = this.#firstPossible(cuts);
    for (let attempt = 0; low < high; attempt += 1) {
      const cut = cuts[guess] ?? this.#entries.length;
      const bytes = this.encode(cut);
      if (bytes === null) {
        low = guess + 1;
      } else {
        best = { bytes, droppedEntries: cut };
        high = guess;
        if (bytes.length >= this.#limit * 0.9) break;
      }
      const middle = Math.floor((low + high) / 2);
      guess = attempt < 3 ? clamp(this.#interpolate(cuts, cut), low, Math.max(low, high - 1)) : middle;
    }
    return best;
  }

  /**
   * Returns the least bytes that the entries take. Digests can't be compressed, and each anchor takes at least
   * a byte.
   */
  #leastBytes(start: number): number {
    const { length } = this.#entries;
    let bytes = 0;
    for (let index = start; index < length && bytes <= this.#limit; index += 1) {
      bytes += this.#entries[index]?.kind === 'transaction' ? digestBytes : 1;
    }
    return bytes;
  }

  /** Returns the index of the first cut whose entries may fit at all. */
  #firstPossible(cuts: readonly number[]): number {
    let bytes = 0;
    let index = this.#entries.length;
    while (index > 0 && bytes <= this.#limit) {
      index -= 1;
      bytes += this.#entries[index]?.kind === 'transaction' ? digestBytes : 1;
    }
    return clamp(firstAtLeast(cuts, index + 1), 0, Math.max(0, cuts.length - 1));
  }

  /** Estimates the cut whose record just fits, from the average size of an entry in the latest attempt. */
  #interpolate(cuts: readonly number[], cut: number): number {
    const tried = this.#entries.length - cut;
    const wanted = Math.floor((tried * this.#limit * 0.97) / this.#lastSize);
    return firstAtLeast(cuts, this.#entries.length - wanted);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/**
 * Returns the index of the first of the ascending numbers that is at least `least`. If there is none, their
 * count.
 */
function firstAtLeast(numbers: readonly number[], least: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((numbers[middle] ?? least) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function frame(body: Buffer, version: number): Buffer {
  const head = Buffer.alloc(bodyOffset);
  magic.copy(head);
  head.writeUInt8(version, versionOffset);
  head.writeUInt32LE(body.length, lengthOffset);
  head.writeUInt32LE(checksum(head, body), crcOffset);
  return Buffer.concat([head, body]);
}

function checksum(head: Buffer, body: Buffer): number {
  return crc32(body, crc32(head.subarray(0, crcOffset)));
}

/**
 * Decodes the checkpoint in a record, which must belong to `stream`.
 *
 * Memory stays bounded whatever the bytes say: lengths are checked before anything is allocated.
 * @throws WaymarkError `checkpoint-damaged` if the bytes are no record, incomplete, altered, or of an unknown
 *   format. `checkpoint-foreign` if the record belongs to another stream. The message names the place and
 *   says what to do.
 */
export function decodeCheckpoint(buffer: Buffer, where: RecordLocation): Checkpoint {
  if (buffer.length === 0) throw damagedRecord(where, 'is empty');
  if (!buffer.subarray(0, magic.length).equals(magic))
    throw damagedRecord(where, 'is not a waymark checkpoint');
  const version = buffer[versionOffset];
  const known = [formatVersion, versionWithHints, versionWithoutLayouts, ...olderVersions];
  if (version !== undefined && !known.includes(version)) {
    throw unknownVersion(where, version);
  }
  if (buffer.length < bodyOffset) throw damagedRecord(where, 'is cut off');
  const body = buffer.subarray(bodyOffset);
  const length = buffer.readUInt32LE(lengthOffset);
  if (body.length < length)
    throw damagedRecord(where, `is cut off: ${body.length} of ${length} bytes are left`);
  if (body.length > length) throw damagedRecord(where, `has ${body.length - length} bytes too many`);
  if (checksum(buffer, body) !== buffer.readUInt32LE(crcOffset)) {
    throw damagedRecord(where, 'is damaged: its checksum is wrong');
  }
  const checkpoint = decodeChecked(body, where);
  if (checkpoint.stream !== where.stream) throw foreign(where, checkpoint.stream);
  if (version !== undefined && olderVersions.includes(version)) throw oldDigests(where, version, checkpoint);
  return checkpoint;
}

function decodeChecked(body: Buffer, where: RecordLocation): Checkpoint {
  try {
    return decodeBody(body);
  } catch (error) {
    throw damagedRecord(where, `can't be read: ${messageOf(error)}`, error);
  }
}

/** Returns the error for bytes that are no complete record. `what` continues "The checkpoint …". */
export function damagedRecord(
  { stream, location }: RecordLocation,
  what: string,
  cause?: unknown,
): WaymarkError {
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} ${what}. Put an intact copy in its place. Or remove it: ` +
      'then the stream begins where "start" in the configuration says.',
    { details: { stream, location }, ...(cause === undefined ? {} : { cause }) },
  );
}

function unknownVersion({ stream, location }: RecordLocation, version: number): WaymarkError {
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} has format version ${version}, but this waymark knows ` +
      `version ${formatVersion}. If a newer waymark wrote it, upgrade waymark on this machine. If not, the record is ` +
      'damaged: put an intact copy in its place.',
    { details: { stream, location, version } },
  );
}

function oldDigests(
  { stream, location }: RecordLocation,
  version: number,
  { server, coordinates, trail }: Checkpoint,
): WaymarkError {
  const { file, position } = coordinates;
  const half =
    trail.partial === null
      ? ''
      : ` (${trail.partial.changes} changes of the next transaction will be delivered again)`;
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} was written by an earlier waymark (format version ` +
      `${version}). Its digests were computed in another way, so its trail can't be compared any more. It is for ` +
      `${file}:${position} of ${formatAddress(server)}. If the stream was stopped cleanly there, remove the ` +
      `checkpoint, put that server first, and begin with "start: {file: ${file}, position: ${position}}"${half}.`,
    { details: { stream, location, version, server: formatAddress(server), file, position } },
  );
}

function foreign({ stream, location }: RecordLocation, found: string): WaymarkError {
  return new WaymarkError(
    'checkpoint-foreign',
    `The checkpoint at ${location} belongs to stream "${found}", not to "${stream}". Correct "stream" in the ` +
      'configuration, or give this stream its own place.',
    { details: { stream, found, location } },
  );
}
