import { readFile } from 'node:fs/promises';
import type { Secret } from '../config/secret.js';
import type { TlsConfig } from '../config/schema.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { Account } from './instance.js';

/** The part of the configuration that says who we are on the servers. */
export type AccountConfig = {
  readonly user: string;
  readonly password: Secret;
  readonly tls?: TlsConfig | undefined;
};

/**
 * The account of a configuration, with the content of the TLS files that it names.
 * @throws WaymarkError `config` when such a file can't be read; it names the key and the file.
 */
export async function readAccount({ user, password, tls }: AccountConfig): Promise<Account> {
  if (tls === undefined) return { user, password };
  const [ca, cert, key] = await Promise.all([
    readTlsFile('ca', tls.ca),
    tls.cert === undefined ? null : readTlsFile('cert', tls.cert),
    tls.key === undefined ? null : readTlsFile('key', tls.key),
  ]);
  return {
    user,
    password,
    tls: { ca, ...(cert === null ? {} : { cert }), ...(key === null ? {} : { key }), verify: tls.verify },
  };
}

async function readTlsFile(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new WaymarkError('config', `tls.${name}: cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
      details: { key: `tls.${name}`, file: path },
    });
  }
}
