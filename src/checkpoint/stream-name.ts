import { createHash } from 'node:crypto';

/**
 * The longest name that stays readable. Longer ones end in a hash. File systems take 255 bytes, suffixes
 * included.
 */
const longestName = 150;

/**
 * Encodes a stream's name as one part of a file path or of a znode's path.
 *
 * Letters, digits, `_`, `-` and inner dots stay. Every other byte of its UTF-8 form becomes `%XX`. A name
 * that gets too long is cut, and ends in `~` and a hash of the whole name. No other name contains `~`, so
 * different streams have different names.
 */
export function encodeStreamName(stream: string): string {
  const encoded = Array.from(Buffer.from(stream, 'utf8'), (byte, index) => {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9_-]/.test(character) || (character === '.' && index > 0);
    return plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  if (encoded.length <= longestName) return encoded;
  const hash = createHash('sha256').update(stream, 'utf8').digest('hex').slice(0, 32);
  return `${encoded.slice(0, longestName - hash.length - 1)}~${hash}`;
}
