import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksumOf } from '../../../src/binlog/checksum.js';

test('is zlib’s, for any bytes of a buffer, few or many', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600, size: 'max' }),
      fc.nat(20),
      fc.nat(20),
      (bytes, before, behind) => {
        const buffer = Buffer.concat([Buffer.alloc(before, 0xa5), bytes, Buffer.alloc(behind, 0x5a)]);
        expect(checksumOf(buffer, before, before + bytes.length)).toBe(crc32(bytes));
      },
    ),
    { numRuns: 500 },
  );
});
