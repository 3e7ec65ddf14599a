import { createPublicKey, verify } from 'node:crypto';
import { createHash, randomBytes } from 'node:crypto';
import { Point } from '@noble/ed25519';
import { expect, test } from 'vitest';
import { signEd25519 } from '../../../src/mysql/ed25519.js';

/** What a server knows of an account: the public key of its password. */
function publicKeyOf(password: string): Buffer {
  const secret = createHash('sha512').update(password).digest().subarray(0, 32);
  secret.writeUInt8(secret.readUInt8(0) & 0xf8, 0);
  secret.writeUInt8((secret.readUInt8(31) & 0x7f) | 0x40, 31);
  const scalar = BigInt(`0x${Buffer.from(secret).reverse().toString('hex')}`);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  return Buffer.from(Point.BASE.multiply(scalar % order).toBytes());
}

/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, 4). */
const spki = Buffer.from('302a300506032b6570032100', 'hex');

test('the public key of a password is the one that MariaDB keeps', () => {
  // MariaDB Knowledge Base, "Authentication Plugin - ed25519": USING PASSWORD('secret').
  expect(publicKeyOf('secret').toString('base64').replace(/=$/, '')).toBe(
    'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY',
  );
});

test.each(['secret', '', 'zwölf Boxkämpfer', 'x'.repeat(500)])(
  'Node takes the signature for right (%#)',
  (password) => {
    const key = createPublicKey({
      key: Buffer.concat([spki, publicKeyOf(password)]),
      format: 'der',
      type: 'spki',
    });
    for (let round = 0; round < 20; round += 1) {
      const message = randomBytes(32);
      expect(verify(null, message, key, signEd25519(password, message))).toBe(true);
      expect(verify(null, randomBytes(32), key, signEd25519(password, message))).toBe(false);
    }
  },
);
