import { runtime } from '../runtime/runtime.js';

/** Returns this many unguessable random bytes as hexadecimal digits, two for each byte. */
export function randomHex(bytes: number): string {
  return runtime().random.bytes(bytes).toString('hex');
}
