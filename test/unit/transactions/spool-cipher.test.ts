import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpoolCipher } from '../../../src/transactions/spool-cipher.js';

test('a piece, and the beginning of one, is read as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.nat(200), (length, cut) => {
      const cipher = new SpoolCipher();
      const plain = randomBytes(length);
      const { bytes, counter } = cipher.encrypt(plain);
      const end = Math.min(cut, length);
      expect(cipher.decrypt(bytes, counter).equals(plain)).toBe(true);
      expect(cipher.decrypt(bytes.subarray(0, end), counter).equals(plain.subarray(0, end))).toBe(true);
    }),
  );
});

test('nothing of it can be read in the file, and the same looks different each time', () => {
  const cipher = new SpoolCipher();
  const secret = Buffer.from('a secret that nobody may find in the file system'.repeat(10));
  const first = cipher.encrypt(secret).bytes;
  expect(first.includes('secret')).toBe(false);
  expect(cipher.encrypt(secret).bytes.equals(first)).toBe(false);
  expect(new SpoolCipher().encrypt(secret).bytes.equals(first)).toBe(false);
});
