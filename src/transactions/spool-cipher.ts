import { createCipheriv, createDecipheriv } from 'node:crypto';
import { runtime } from '../runtime/runtime.js';

const algorithm = 'aes-256-ctr';
const counterBytes = 16;

/** What was encrypted, and the counter that its key stream begins with. */
export type Encrypted = { readonly bytes: Buffer; readonly counter: Buffer };

/**
 * Encrypts what a file holds, piece by piece, by a key that is in this process's memory alone (AES-256 in counter mode,
 * NIST SP 800-38A): what the file system keeps of it says nothing. Each piece has a counter of its own, so that no key
 * stream is used twice, also where a piece stands in the place of another.
 */
export class SpoolCipher {
  readonly #key = runtime().random.bytes(32);

  encrypt(plain: Buffer): Encrypted {
    const counter = newCounter();
    return { bytes: createCipheriv(algorithm, this.#key, counter).update(plain), counter };
  }

  /** Decrypts a piece, or the beginning of one. */
  decrypt(bytes: Buffer, counter: Buffer): Buffer {
    return createDecipheriv(algorithm, this.#key, counter).update(bytes);
  }
}

/** The lower half counts blocks: no piece is so long that it comes around. */
function newCounter(): Buffer {
  const counter = runtime().random.bytes(counterBytes);
  return counter.fill(0, counterBytes / 2);
}
