import { constants, createHash, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto';
import { formatAddress, socketPathOf } from '../config/address.js';
import { WaymarkError } from '../util/errors.js';
import { signEd25519 } from './ed25519.js';
import type { Instance } from './instance.js';

/**
 * Answers a packet that a server sends during a login: returns bytes to send, or null to send nothing. mysql2 calls it.
 */
type Answering = (data: Buffer) => Buffer | null;

type Plugins = Record<string, () => Answering>;

/** Authentication methods that waymark doesn't support, and what the account should have instead. */
const refused: Readonly<Record<string, string>> = {
  parsec: 'IDENTIFIED VIA ed25519 USING PASSWORD(…)',
  mysql_clear_password: 'a password that the server itself checks',
  mysql_old_password: 'at least mysql_native_password',
  dialog: 'a password that the server itself checks',
  auth_gssapi_client: 'a password that the server itself checks',
  authentication_ldap_sasl_client: 'a password that the server itself checks',
  authentication_kerberos_client: 'a password that the server itself checks',
  authentication_openid_connect_client: 'a password that the server itself checks',
  authentication_webauthn_client: 'a password that the server itself checks',
};

/** The authentication methods that waymark supports. */
export const knownLogins = 'mysql_native_password, caching_sha2_password, sha256_password and ed25519';

/**
 * How an account logs in. The password itself leaves this process only over TLS, over a Unix socket, or encrypted with
 * a public key. The configuration names that key, or says that the server may be asked for it. The servers' own clients
 * do the same (MySQL 8.0 Reference Manual, "Caching SHA-2 Pluggable Authentication").
 */
export class Login {
  readonly plugins: Plugins;
  /** Why waymark refused to go on with the login. Null if it didn't. */
  refusal: WaymarkError | null = null;
  /**
   * Whether the server accepted a proof of the password only because it remembers an earlier login. After a restart it
   * has forgotten that and asks for the password itself, which waymark would refuse to send.
   */
  fromMemory = false;
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
    this.plugins = {
      client_ed25519: () => (data) => signEd25519(this.#password, data.subarray(0, scrambleBytes.ed25519)),
      ...this.#fullLogins(),
      ...Object.fromEntries(
        Object.entries(refused).map(([name, instead]) => [
          name,
          () => () =>
            this.#refuse(
              `wants the account "${this.#user}" to log in by ${name}, which waymark does not support. ` +
                `waymark supports ${knownLogins}. Give the account ${instead}`,
            ),
        ]),
      ),
    };
  }

  get #user(): string {
    return this.#instance.account.user;
  }

  get #password(): string {
    return this.#instance.account.password.reveal();
  }

  /**
   * The methods that may ask for the password itself. Over TLS and over a Unix socket, mysql2's own do what is needed.
   */
  #fullLogins(): Plugins {
    const { address, account } = this.#instance;
    if (account.tls !== undefined || socketPathOf(address) !== null) return {};
    return { caching_sha2_password: () => this.#cachingSha2(), sha256_password: () => this.#sha256() };
  }

  /**
   * Sends a proof of the password first. If the server doesn't remember the password's hash, goes on as {@link #full}.
   */
  #cachingSha2(): Answering {
    let scramble: Buffer | null = null;
    let full: Answering | null = null;
    return (data) => {
      if (scramble === null) {
        scramble = data.subarray(0, scrambleBytes.sha2);
        return proofOf(this.#password, scramble);
      }
      if (full !== null) return full(data);
      if (data.length === 1 && data[0] === cachingSha2.passed) {
        const { serverPublicKey, getServerPublicKey } = this.#instance.account;
        this.fromMemory = serverPublicKey === undefined && getServerPublicKey !== true;
        return null;
      }
      if (data.length !== 1 || data[0] !== cachingSha2.full)
        throw new Error('it sent a packet that is no part of a login');
      full = this.#full(scramble, cachingSha2.askKey);
      return full(data);
    };
  }

  #sha256(): Answering {
    let full: Answering | null = null;
    return (data) => {
      // An account without a password sends an empty one.
      if (this.#password === '') return Buffer.alloc(1);
      full ??= this.#full(data.subarray(0, scrambleBytes.sha2), sha256AskKey);
      return full(data);
    };
  }

  /** Sends the password, encrypted with the configured key, or with the server's own if that is allowed. */
  #full(scramble: Buffer, askKey: number): Answering {
    const { serverPublicKey, getServerPublicKey } = this.#instance.account;
    let asked = false;
    return (data) => {
      if (serverPublicKey !== undefined)
        return encrypted(this.#password, scramble, createPublicKey(serverPublicKey));
      if (getServerPublicKey !== true) {
        return this.#refuse(
          `wants the password of the account "${this.#user}" itself, but the connection is not encrypted, so it was ` +
            'not sent. Use "tls", or a Unix socket, or name the server\'s key (serverPublicKey: FILE), or, on a ' +
            'trusted network, set getServerPublicKey: true',
        );
      }
      if (asked) return encrypted(this.#password, scramble, createPublicKey(data));
      asked = true;
      return Buffer.from([askKey]);
    };
  }

  #refuse(what: string): never {
    const server = formatAddress(this.#instance.address);
    this.refusal = new WaymarkError('access-denied', `${server} ${what}`, { details: { server } });
    // mysql2 gives this error a code of its own.
    throw new Error(this.refusal.message);
  }
}

const scrambleBytes = { sha2: 20, ed25519: 32 } as const;

/**
 * The server's answers in caching_sha2_password, and the request for its public key (MySQL source,
 * sql/auth/sha2_password.cc).
 */
const cachingSha2 = { askKey: 2, passed: 3, full: 4 } as const;
const sha256AskKey = 1;

/** Returns XOR(SHA256(password), SHA256(SHA256(SHA256(password)), scramble)). */
function proofOf(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const hash = (...parts: readonly Buffer[]): Buffer => {
    const sum = createHash('sha256');
    for (const part of parts) sum.update(part);
    return sum.digest();
  };
  const once = hash(Buffer.from(password));
  return xor(once, hash(hash(once), scramble));
}

function encrypted(password: string, scramble: Buffer, key: KeyObject): Buffer {
  const plain = xor(Buffer.from(`${password}\0`), scramble);
  return publicEncrypt({ key, oaepHash: 'sha1', padding: constants.RSA_PKCS1_OAEP_PADDING }, plain);
}

/** Repeats the mask if it is shorter. */
function xor(bytes: Buffer, mask: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, index) => byte ^ (mask[index % mask.length] ?? 0)));
}
