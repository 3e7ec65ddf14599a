import { createCipheriv, createDecipheriv } from 'node:crypto';
import { runtime } from '../runtime/runtime.js';

const algorithm = 'aes-256-ctr';
const counterBytes = 16;

/** Encrypted bytes, and the first counter of their key stream. */
export type Encrypted = { readonly bytes: Buffer; readonly counter: Buffer };

/**
 * Encrypts a file piece by piece, with a key that is only in this process's memory (AES-256 in counter mode,
 * NIST SP 800-38A). So the file reveals nothing. Each piece has its own counter, so no key stream is used
 * twice, even if a piece is written over another.
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

/** Returns a new counter. Its lower half counts blocks. No piece is long enough to make it overflow. */
function newCounter(): Buffer {
  const counter = runtime().random.bytes(counterBytes);
  return counter.fill(0, counterBytes / 2);
}
