import * as zlib from 'node:zlib';

/** zstd without a compressor (RFC 8878, 3.1.1): frames of blocks that stand for themselves. */

const magic = Buffer.of(0x28, 0xb5, 0x2f, 0xfd);
/** No content size, no checksum, no dictionary; a window of 2 MiB. */
const frameHeader = Buffer.of(0x00, 0x58);
const largestBlock = 128 * 1024;

function block(type: 0 | 1, size: number, last: boolean, content: Buffer): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return Buffer.concat([header, content]);
}

/** Each buffer as a block as it is. */
export function plainZstd(blocks: readonly Buffer[]): Buffer {
  const framed = blocks.map((content, index) =>
    block(0, content.length, index === blocks.length - 1, content),
  );
  return Buffer.concat([magic, frameHeader, ...framed]);
}

/** So many blocks of 128 KiB of one byte, four bytes each. */
export function repeatedZstd(byte: number, blocks: number): Buffer {
  const framed = Array.from({ length: blocks }, (_, index) =>
    block(1, largestBlock, index === blocks - 1, Buffer.of(byte)),
  );
  return Buffer.concat([magic, frameHeader, ...framed]);
}

/** What the compressor of this Node makes of it, where there is one (22.15 and later). */
export function zstdCompress(bytes: Buffer, level: number): Buffer {
  const module: object = zlib;
  if (!canCompress(module)) throw new Error('this Node has no zstd');
  return module.zstdCompressSync(bytes, { params: { [compressionLevel]: level } });
}

/** ZSTD_c_compressionLevel */
const compressionLevel = 100;

type Compressor = {
  zstdCompressSync(bytes: Buffer, options: { params: Record<number, number> }): Buffer;
};

function canCompress(module: object): module is Compressor {
  return 'zstdCompressSync' in module;
}
