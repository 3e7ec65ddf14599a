import { createHash } from 'node:crypto';
import { Point } from '@noble/ed25519';

/** Of the group that signatures are made in (RFC 8032, 5.1). */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

/**
 * A signature as MariaDB's `ed25519` accounts give it: Ed25519 (RFC 8032, 5.1.6), but with the SHA-512 of the password in
 * the place of that of a seed, so that Node's own can't make it (MariaDB: plugin/auth_ed25519/ref10/sign.c).
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

/** RFC 8032, 5.1.5: the lowest three bits clear, the highest clear, the second highest set. */
function clamped(bytes: Buffer): bigint {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(0) & 0xf8, 0);
  copy.writeUInt8((copy.readUInt8(31) & 0x7f) | 0x40, 31);
  return numberOf(copy);
}

/** Little-endian. */
function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function bytesOf(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse();
}
