import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';

/** What Node's zlib knows of zstd from 22.15 on (Node.js documentation, "Zlib"). */
type NativeZstd = {
  zstdDecompressSync(
    packed: Buffer,
    options: { readonly maxOutputLength: number; readonly chunkSize: number },
  ): Buffer;
  createZstdDecompress(options: { readonly chunkSize: number }): Transform;
};

/** Null where this Node has none. */
export const nativeZstd: NativeZstd | null = hasZstd(zlib) ? zlib : null;

function hasZstd(module: object): module is NativeZstd {
  return 'zstdDecompressSync' in module && 'createZstdDecompress' in module;
}

/** Unpacks in another thread, in pieces of so many bytes, no faster than they are taken. */
export async function* nativePieces(
  zstd: NativeZstd,
  packed: Buffer,
  pieceBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const stream = zstd.createZstdDecompress({ chunkSize: pieceBytes });
  stream.end(packed);
  for await (const piece of stream) {
    if (Buffer.isBuffer(piece)) yield piece;
  }
}
