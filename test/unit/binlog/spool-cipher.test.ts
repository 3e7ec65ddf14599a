import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpoolCipher } from '../../../src/binlog/spool-cipher.js';

test('what was written in pieces is read in other pieces, also where a cut was written over', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(lengths, lengths, fc.nat(400), lengths, (first, second, place, reads) => {
      const cipher = new SpoolCipher();
      let plain = Buffer.alloc(0);
      let file = Buffer.alloc(0);
      const write = (bytes: Buffer): void => {
        file = Buffer.concat([file, cipher.apply(bytes, plain.length)]);
        plain = Buffer.concat([plain, bytes]);
      };
      for (const length of first) write(randomBytes(length));
      const cut = Math.min(place, plain.length);
      cipher.cut(cut);
      [plain, file] = [plain.subarray(0, cut), file.subarray(0, cut)];
      for (const length of second) write(randomBytes(length));
      let at = 0;
      for (const length of [...reads, plain.length]) {
        const end = Math.min(at + length, plain.length);
        expect(cipher.apply(file.subarray(at, end), at).equals(plain.subarray(at, end))).toBe(true);
        at = end;
      }
    }),
  );
});

test('nothing of it can be read in the file, and a place that is written twice looks different', () => {
  const cipher = new SpoolCipher();
  const secret = Buffer.from('a secret that nobody may find in the file system'.repeat(10));
  const first = cipher.apply(secret, 0);
  expect(first.includes('secret')).toBe(false);
  cipher.cut(0);
  expect(cipher.apply(secret, 0).equals(first)).toBe(false);
});
