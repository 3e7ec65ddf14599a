import { createCipheriv, randomBytes } from 'node:crypto';

const blockBytes = 16;

/** Where in a file a counter begins. */
type Segment = { readonly from: number; readonly counter: bigint };

/**
 * Encrypts what a file holds, by a key that is in this process's memory alone (AES-256 in counter mode, NIST SP 800-38A):
 * what the file system keeps of it says nothing. Any part can be read without the rest. A place that is written a second
 * time, behind a cut, gets another counter, so that no key stream is used twice.
 */
export class SpoolCipher {
  readonly #key = randomBytes(32);
  #segments: Segment[] = [{ from: 0, counter: newCounter() }];

  /** What stands behind a place will be written anew. */
  cut(at: number): void {
    this.#segments = this.#segments.filter(({ from }) => from < at);
    this.#segments.push({ from: at, counter: newCounter() });
  }

  /** Encrypts bytes that stand at a place in the file, or decrypts them: it is the same. */
  apply(bytes: Buffer, at: number): Buffer {
    const parts: Buffer[] = [];
    for (const [index, { from, counter }] of this.#segments.entries()) {
      const begin = Math.max(from, at);
      const end = Math.min(this.#segments[index + 1]?.from ?? Number.POSITIVE_INFINITY, at + bytes.length);
      if (begin < end) parts.push(this.#part(bytes.subarray(begin - at, end - at), begin - from, counter));
    }
    return parts.length === 1 ? (parts[0] ?? bytes) : Buffer.concat(parts);
  }

  #part(bytes: Buffer, offset: number, counter: bigint): Buffer {
    const cipher = createCipheriv(
      'aes-256-ctr',
      this.#key,
      blockOf(counter, Math.floor(offset / blockBytes)),
    );
    cipher.update(Buffer.alloc(offset % blockBytes));
    return cipher.update(bytes);
  }
}

/** The lower half counts blocks: no file is so long that it comes around. */
function newCounter(): bigint {
  return randomBytes(8).readBigUInt64BE() << 64n;
}

function blockOf(counter: bigint, blocks: number): Buffer {
  const value = counter + BigInt(blocks);
  const block = Buffer.alloc(blockBytes);
  block.writeBigUInt64BE(value >> 64n, 0);
  block.writeBigUInt64BE(BigInt.asUintN(64, value), 8);
  return block;
}
