import { Decompress } from 'fzstd';
import { runtime } from '../runtime/runtime.js';
import { WaymarkError } from '../util/errors.js';
import { nativePieces, nativeZstd } from './native-zstd.js';

const frameMagic = 0xfd2fb528;
/** The last hexadecimal digit is free (RFC 8878, 3.1.2). */
const skippableMagic = 0x184d2a50;
/** No block is larger, packed or unpacked (RFC 8878, 3.1.1.2.4). */
const largestBlockBytes = 128 * 1024;
/** What libzstd accepts unless told otherwise, and so the most that MySQL reads (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
const largestWindowBytes = 128 * 1024 * 1024;

/** What unpacks to no more is unpacked at once: that takes less than to hand it to another thread. */
const smallBytes = 256 * 1024;

/**
 * Unpacks zstd frames in pieces of some 128 KiB, each made when it is asked for. Where this Node has zstd, and there are
 * threads, another one does it. Memory: the frame's window (at most 128 MiB) and a few pieces, however much it all unpacks to.
 * @param unpackedBytes as much as it should unpack to; more is refused here where it is noticed early.
 * @throws WaymarkError `protocol` for what isn't zstd, is cut short, or wants a larger window.
 */
export function zstdPieces(packed: Buffer, unpackedBytes: number): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (nativeZstd === null || !runtime().hasThreads) return portableZstdPieces(packed);
  if (unpackedBytes > smallBytes) return readable(nativePieces(nativeZstd, packed, largestBlockBytes));
  try {
    const options = {
      maxOutputLength: Math.max(unpackedBytes, 1),
      chunkSize: Math.max(unpackedBytes + 1, 64),
    };
    return [nativeZstd.zstdDecompressSync(packed, options)];
  } catch (cause) {
    throw unreadable(cause);
  }
}

async function* readable(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* pieces;
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** The same in this thread, block by block, on every Node. A piece takes some milliseconds. */
export function* portableZstdPieces(packed: Buffer): Generator<Buffer, void, undefined> {
  let unpacked: Buffer[] = [];
  // The library hands out an array of its own for each block.
  const stream = new Decompress(({ buffer, byteOffset, length }) => {
    if (length > 0) unpacked.push(Buffer.from(buffer, byteOffset, length));
  });
  let start = 0;
  for (const end of blockEnds(packed)) {
    try {
      stream.push(packed.subarray(start, end), end === packed.length);
    } catch (cause) {
      throw unreadable(cause);
    }
    start = end;
    const ready = unpacked;
    unpacked = [];
    yield* ready;
  }
}

/**
 * Where each block ends; what stands before a frame's first block goes with it. The library is given no more than a
 * block at once because it unpacks all that it is given: a kilobyte can hold 256 blocks of one repeated byte.
 */
function* blockEnds(packed: Buffer): Generator<number, void, undefined> {
  let offset = 0;
  do {
    requireBytes(packed, offset + 4);
    const magic = packed.readUInt32LE(offset);
    if ((magic & ~0xf) === skippableMagic) {
      requireBytes(packed, offset + 8);
      offset += 8 + packed.readUInt32LE(offset + 4);
      requireBytes(packed, offset);
      yield offset;
      continue;
    }
    if (magic !== frameMagic) throw unreadable();
    const { headerBytes, checksumBytes } = readFrameHeader(packed, offset);
    offset += headerBytes;
    for (let last = false; !last;) {
      requireBytes(packed, offset + 3);
      const block = packed.readUIntLE(offset, 3);
      const [type, size] = [(block >> 1) & 3, block >> 3];
      if (type === 3 || size > largestBlockBytes) throw unreadable();
      last = (block & 1) === 1;
      // One byte stands for a block of its repetitions.
      offset += 3 + (type === 1 ? 1 : size) + (last ? checksumBytes : 0);
      requireBytes(packed, offset);
      yield offset;
    }
  } while (offset < packed.length);
}

/** RFC 8878, 3.1.1.1: magic (4), descriptor (1), window (0-1), dictionary (0-4), content size (0-8). */
function readFrameHeader(packed: Buffer, start: number): { headerBytes: number; checksumBytes: number } {
  requireBytes(packed, start + 6);
  const descriptor = packed.readUInt8(start + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const windowBytes = singleSegment ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? Number(singleSegment) : 1 << sizeFlag;
  const headerBytes = 5 + windowBytes + dictionaryBytes + sizeBytes;
  requireBytes(packed, start + headerBytes);
  const window = singleSegment
    ? readContentSize(packed, start + headerBytes - sizeBytes, sizeBytes)
    : windowOf(packed.readUInt8(start + 5));
  if (window > largestWindowBytes) {
    throw new WaymarkError(
      'protocol',
      `A compressed transaction wants a window of ${window} bytes, more than any server may use`,
    );
  }
  return { headerBytes, checksumBytes: (descriptor & 4) === 0 ? 0 : 4 };
}

function readContentSize(packed: Buffer, offset: number, bytes: number): number {
  if (bytes === 8) return Number(packed.readBigUInt64LE(offset));
  return packed.readUIntLE(offset, bytes) + (bytes === 2 ? 256 : 0);
}

/** Exponent (5 bits) and eighths (3 bits). */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function requireBytes(packed: Buffer, bytes: number): void {
  if (bytes > packed.length) throw unreadable();
}

function unreadable(cause?: unknown): WaymarkError {
  return new WaymarkError('protocol', 'A compressed transaction cannot be unpacked', { cause });
}
