import { crc32 } from 'node:zlib';

import { formatAddress } from '../config/address.js';
import type { TrailEntry } from '../matching/trail.js';
import { WaymarkError, messageOf } from '../util/errors.js';

import type { Checkpoint } from './checkpoint.js';
import { type RecordBase, decodeBody, encodeBody, recordBaseOf } from './record-body.js';
import { digestBytes } from './trail-columns.js';

/** A record is never larger, whatever the length of the trail: bytes. */
export const recordLimitBytes = 256 * 1024;

/** A record, and how many entries of the trail it had no room for. */
export type EncodedCheckpoint = { readonly bytes: Buffer; readonly droppedEntries: number };

/** Whose record is expected, and where it was found, for messages. */
export type RecordOrigin = { readonly stream: string; readonly location: string };

/*
 * The frame, numbers little-endian:
 *   0  4 bytes  magic; the first byte is no text in any encoding
 *   4  1 byte   version of the format
 *   5  4 bytes  length of the body
 *   9  4 bytes  CRC-32 over bytes 0 to 8 and the body
 *  13           the body (record.ts)
 */
const magic = Buffer.from([0x8a, 0x57, 0x4d, 0x4b]);
const versionOffset = 4;
const lengthOffset = 5;
const crcOffset = 9;
const bodyOffset = 13;
/**
 * Version 1 digested the row images of MySQL with their unused null bits as the server has them; digests of version 2
 * were of the content alone, and didn't say by what it can be compared. A trail of either can't be compared with any log
 * any more.
 */
const formatVersion = 4;
/** It had no layouts; all else is as now. */
const versionWithoutLayouts = 3;
const olderVersions: readonly number[] = [1, 2];

/**
 * One record of at most `limitBytes`.
 *
 * A trail that doesn't fit loses its oldest entries: what is kept begins with a hint, since without one a trail can't
 * be found on another server; when not even the newest hint and what follows it fits, no entry is kept at all.
 * @throws WaymarkError `checkpoint-store` when the record doesn't fit even without a trail.
 * @throws RangeError when the checkpoint holds what no record can (a negative count, NaN, a digest of over 64 bits).
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
    `The checkpoint of stream "${checkpoint.stream}" does not fit into ${limitBytes} bytes even without its trail: ` +
      `its GTID set or the sink's position is too long.`,
    { details: { stream: checkpoint.stream, limitBytes } },
  );
}

/** Looks for the most of a trail that fits. */
class Fitting {
  readonly #base: RecordBase;
  readonly #entries: readonly TrailEntry[];
  readonly #limit: number;
  /** Of the latest attempt, fitting or not. */
  #lastSize = 0;

  constructor(base: RecordBase, entries: readonly TrailEntry[], limit: number) {
    this.#base = base;
    this.#entries = entries;
    this.#limit = limit;
  }

  /** The record with the entries from `start` on; null when it is too large. */
  encode(start: number): Buffer | null {
    const least = this.#leastBytes(start);
    if (least > this.#limit) {
      this.#lastSize = least;
      return null;
    }
    const body = encodeBody(this.#base, this.#entries, start);
    this.#lastSize = body === null ? Number.MAX_SAFE_INTEGER : bodyOffset + body.length;
    return body === null || this.#lastSize > this.#limit ? null : frame(body);
  }

  /**
   * Bisects over the hints; the size so far says where to look first, so that two or three encodings do instead of a
   * dozen. Stops early when a tail fills nine tenths of the room: a few more entries aren't worth the time.
   */
  longestTail(): EncodedCheckpoint | null {
    const cuts = this.#entries.flatMap((entry, index) => (entry.kind === 'hint' && index > 0 ? [index] : []));
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

  /** What the entries take at the very least: the digests can't be compressed, and no hint comes for nothing. */
  #leastBytes(start: number): number {
    const { length } = this.#entries;
    let bytes = 0;
    for (let index = start; index < length && bytes <= this.#limit; index += 1) {
      bytes += this.#entries[index]?.kind === 'hint' ? 1 : digestBytes;
    }
    return bytes;
  }

  /** Index of the first cut behind which there is little enough for any hope. */
  #firstPossible(cuts: readonly number[]): number {
    let bytes = 0;
    let index = this.#entries.length;
    while (index > 0 && bytes <= this.#limit) {
      index -= 1;
      bytes += this.#entries[index]?.kind === 'hint' ? 1 : digestBytes;
    }
    return clamp(firstAtLeast(cuts, index + 1), 0, Math.max(0, cuts.length - 1));
  }

  /** Where the record would just fit if every entry took as much as those of the latest attempt. */
  #interpolate(cuts: readonly number[], cut: number): number {
    const tried = this.#entries.length - cut;
    const wanted = Math.floor((tried * this.#limit * 0.97) / this.#lastSize);
    return firstAtLeast(cuts, this.#entries.length - wanted);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Index of the first of the ascending numbers that is at least `least`; their count when there is none. */
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

function frame(body: Buffer): Buffer {
  const head = Buffer.alloc(bodyOffset);
  magic.copy(head);
  head.writeUInt8(formatVersion, versionOffset);
  head.writeUInt32LE(body.length, lengthOffset);
  head.writeUInt32LE(checksum(head, body), crcOffset);
  return Buffer.concat([head, body]);
}

function checksum(head: Buffer, body: Buffer): number {
  return crc32(body, crc32(head.subarray(0, crcOffset)));
}

/**
 * The checkpoint in a record, which must be the one of `stream`.
 *
 * Memory stays bounded whatever the bytes say: lengths are compared with what is there before anything is allocated.
 * @throws WaymarkError `checkpoint-damaged` when the bytes are no record, not all of one, altered, or of a format that
 *   this version doesn't know; `checkpoint-foreign` when the record is another stream's. The message names the place
 *   and what to do.
 */
export function decodeCheckpoint(buffer: Buffer, origin: RecordOrigin): Checkpoint {
  if (buffer.length === 0) throw damagedRecord(origin, 'is empty');
  if (!buffer.subarray(0, magic.length).equals(magic))
    throw damagedRecord(origin, 'is no waymark checkpoint');
  const version = buffer[versionOffset];
  const known = [formatVersion, versionWithoutLayouts, ...olderVersions];
  if (version !== undefined && !known.includes(version)) {
    throw unknownVersion(origin, version);
  }
  if (buffer.length < bodyOffset) throw damagedRecord(origin, 'is cut off');
  const body = buffer.subarray(bodyOffset);
  const length = buffer.readUInt32LE(lengthOffset);
  if (body.length < length)
    throw damagedRecord(origin, `is cut off: ${body.length} of ${length} bytes are left`);
  if (body.length > length) throw damagedRecord(origin, `has ${body.length - length} bytes too many`);
  if (checksum(buffer, body) !== buffer.readUInt32LE(crcOffset)) {
    throw damagedRecord(origin, 'is altered: its checksum is wrong');
  }
  const checkpoint = decodeChecked(body, origin);
  if (checkpoint.stream !== origin.stream) throw foreign(origin, checkpoint.stream);
  if (version !== undefined && olderVersions.includes(version)) throw oldDigests(origin, version, checkpoint);
  return checkpoint;
}

function decodeChecked(body: Buffer, origin: RecordOrigin): Checkpoint {
  try {
    return decodeBody(body);
  } catch (error) {
    throw damagedRecord(origin, `can't be read: ${messageOf(error)}`, error);
  }
}

/** The error for bytes that are no whole record; `what` continues "The checkpoint …". */
export function damagedRecord(
  { stream, location }: RecordOrigin,
  what: string,
  cause?: unknown,
): WaymarkError {
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} ${what}. Put an intact copy in its place; or remove it, ` +
      'and the stream begins anew where the configuration\'s "start" says.',
    { details: { stream, location }, ...(cause === undefined ? {} : { cause }) },
  );
}

function unknownVersion({ stream, location }: RecordOrigin, version: number): WaymarkError {
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} has format version ${version}; this waymark knows version ` +
      `${formatVersion}. A newer waymark wrote it: upgrade waymark on this machine. If there is no newer one, the ` +
      'record is damaged: put an intact copy in its place.',
    { details: { stream, location, version } },
  );
}

function oldDigests(
  { stream, location }: RecordOrigin,
  version: number,
  { server, coordinates, trail }: Checkpoint,
): WaymarkError {
  const { file, position } = coordinates;
  const half =
    trail.partial === null ? '' : ` (${trail.partial.changes} changes of the next transaction come again)`;
  return new WaymarkError(
    'checkpoint-damaged',
    `The checkpoint of stream "${stream}" at ${location} was written by an earlier waymark (format version ` +
      `${version}), which digested transactions in another way: its trail can't be compared any more. It ` +
      `stands at ${file}:${position} of ${formatAddress(server)}. If the stream was stopped cleanly there, remove ` +
      `the checkpoint, put that server first, and begin with "start: {file: ${file}, position: ${position}}"${half}.`,
    { details: { stream, location, version, server: formatAddress(server), file, position } },
  );
}

function foreign({ stream, location }: RecordOrigin, found: string): WaymarkError {
  return new WaymarkError(
    'checkpoint-foreign',
    `The checkpoint at ${location} belongs to stream "${found}", not to "${stream}". Correct the configuration's ` +
      '"stream", or give this stream a place of its own.',
    { details: { stream, found, location } },
  );
}
