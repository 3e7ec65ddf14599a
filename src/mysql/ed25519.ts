import { createHash } from 'node:crypto';
import { Point } from '@noble/ed25519';

/** The order of the group that signatures are made in (RFC 8032, 5.1). */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

/**
 * Signs a message as MariaDB's `ed25519` accounts do. That is Ed25519 (RFC 8032, 5.1.6), but with the SHA-512 of the
 * password in place of the SHA-512 of a seed. So Node's own Ed25519 can't make the signature (MariaDB:
 * plugin/auth_ed25519/ref10/sign.c).
 */
export function signEd25519(password: string, message: Buffer): Buffer {
  const secret = sha512(Buffer.from(password));
  const [scalar, prefix] = [clamped(secret.subarray(0, 32)), secret.subarray(32)];
  const publicKey = pointOf(scalar);
  const nonce = numberOf(sha512(prefix, message)) % order;
  const commitment = pointOf(nonce);
  const challenge = numberOf(sha512(commitment, publicKey, message)) % order;
  return Buffer.concat([commitment, bytesOf((nonce + challenge * scalar) % order)]);
}

function sha512(...parts: readonly Buffer[]): Buffer {
  return createHash('sha512').update(Buffer.concat(parts)).digest();
}

function pointOf(scalar: bigint): Buffer {
  return Buffer.from(Point.BASE.multiply(scalar % order).toBytes());
}

/** Clears the lowest three bits and the highest bit, and sets the second highest (RFC 8032, 5.1.5). */
function clamped(bytes: Buffer): bigint {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(0) & 0xf8, 0);
  copy.writeUInt8((copy.readUInt8(31) & 0x7f) | 0x40, 31);
  return numberOf(copy);
}

/** The bytes are little-endian. */
function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function bytesOf(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse();
}
