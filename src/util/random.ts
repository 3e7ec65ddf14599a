import { runtime } from '../runtime/runtime.js';

/** So many random bytes that nobody can guess, as hexadecimal digits: two for each. */
export function randomHex(bytes: number): string {
  return runtime().random.bytes(bytes).toString('hex');
}
