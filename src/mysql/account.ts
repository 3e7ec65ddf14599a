import { createPublicKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../config/secret.js';
import type { TlsConfig } from '../config/schema.js';
import { runtime } from '../runtime/runtime.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { Account } from './instance.js';
import { secureContextOf, type TlsAccount } from './tls.js';

/** The part of the configuration that says how waymark logs in to servers. */
export type AccountConfig = {
  readonly user: string;
  readonly password: Secret;
  readonly tls?: TlsConfig | undefined;
  readonly serverPublicKey?: string | undefined;
  readonly getServerPublicKey?: boolean | undefined;
};

/**
 * Reads the account of a configuration, with the content of the files that it names.
 * @throws WaymarkError `config` if such a file can't be read, or its content is wrong. The error names the key and the
 *   file.
 */
export async function readAccount(config: AccountConfig): Promise<Account> {
  const { user, password, tls, serverPublicKey, getServerPublicKey } = config;
  return {
    ...{ user, password },
    ...(tls === undefined ? {} : { tls: await readTls(tls) }),
    ...(serverPublicKey === undefined ? {} : { serverPublicKey: await readPublicKey(serverPublicKey) }),
    ...(getServerPublicKey === true ? { getServerPublicKey } : {}),
  };
}

async function readTls({ ca, cert, key, verify }: TlsConfig): Promise<TlsAccount> {
  const authorities = ca === undefined ? await systemAuthorities() : await readAuthorities(ca);
  const tls = {
    ...(authorities === null ? {} : { ca: authorities }),
    ...(cert === undefined ? {} : { cert: await readNamed('tls.cert', cert) }),
    ...(key === undefined ? {} : { key: await readNamed('tls.key', key) }),
    verify,
  };
  if (cert === undefined) return tls;
  try {
    secureContextOf(tls);
  } catch (error) {
    const what = `are not a certificate and its key (PEM): ${messageOf(error)}`;
    throw wrongFile('tls.cert', cert, `tls.cert and tls.key: ${cert} and ${String(key)} ${what}`, error);
  }
  return tls;
}

/**
 * Where systems keep the certificates that they trust: Debian, Red Hat, SUSE and macOS. curl and Go look at the same
 * paths. SSL_CERT_FILE names another file, as for OpenSSL.
 */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Returns the certificates that this system trusts. Null if it has none: then Node's own certificates are used. */
async function systemAuthorities(): Promise<string | null> {
  const named = process.env['SSL_CERT_FILE'] ?? '';
  if (named !== '') return readAuthorities(named, 'SSL_CERT_FILE');
  for (const bundle of bundles) {
    try {
      return String(await runtime().disk.readFile(bundle));
    } catch {
      // This path is another system's.
    }
  }
  return null;
}

const certificateForm =
  /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * Reads certificates, and refuses a file without any: OpenSSL would trust nobody, and then call each server's
 * certificate wrong.
 */
async function readAuthorities(path: string, name = 'tls.ca'): Promise<string> {
  const content = await readNamed(name, path);
  const certificates = content.match(certificateForm) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (error) {
    throw wrongFile(
      name,
      path,
      `${name}: ${path} holds a certificate that can't be read: ${messageOf(error)}`,
      error,
    );
  }
  if (certificates.length > 0) return content;
  throw wrongFile(name, path, `${name}: ${path} holds no certificate (PEM)`);
}

async function readPublicKey(path: string): Promise<string> {
  const content = await readNamed('serverPublicKey', path);
  try {
    // A private key would work, too, but has no business here.
    if (!content.includes('PUBLIC KEY') || createPublicKey(content).asymmetricKeyType !== 'rsa')
      throw new Error('');
    return content;
  } catch (error) {
    const what = `${path} holds no public RSA key (PEM), as "SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'" gives it`;
    throw wrongFile('serverPublicKey', path, `serverPublicKey: ${what}`, error);
  }
}

async function readNamed(name: string, path: string): Promise<string> {
  try {
    return String(await runtime().disk.readFile(path));
  } catch (error) {
    throw wrongFile(name, path, `${name}: cannot read ${path}: ${messageOf(error)}`, error);
  }
}

function wrongFile(key: string, file: string, message: string, cause?: unknown): WaymarkError {
  return new WaymarkError('config', message, { cause, details: { key, file } });
}
