import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { readAccount } from '../../../src/mysql/account.js';
import { makeRunFolder, removeRunFolder } from '../../servers/folders.js';
import { Authority, type Issued } from '../../support/certificates.js';

const base = { user: 'waymark', password: new Secret('geheim') };
let folder: string;
let authority: Authority;
let issued: Issued;

beforeAll(async () => {
  folder = await makeRunFolder();
  authority = await Authority.found(folder, 'ours');
  issued = await authority.issue('DNS:db1');
});

afterAll(() => removeRunFolder(folder));

afterEach(() => {
  vi.unstubAllEnvs();
});

async function fileOf(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('the account of a config, with the content of the files that it names', async () => {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
    type: 'spki',
    format: 'pem',
  });
  const serverPublicKey = await fileOf('key.pem', key.toString());
  expect(await readAccount(base)).toEqual(base);
  const whole = {
    ...base,
    tls: { ca: authority.ca, ...issued, verify: false },
    serverPublicKey,
    getServerPublicKey: true,
  };
  expect(await readAccount(whole)).toEqual({
    ...base,
    tls: {
      ca: await readFile(authority.ca, 'utf8'),
      cert: await readFile(issued.cert, 'utf8'),
      key: await readFile(issued.key, 'utf8'),
      verify: false,
    },
    serverPublicKey: key,
    getServerPublicKey: true,
  });
});

test('without "ca", what this system trusts: by SSL_CERT_FILE where that is set', async () => {
  vi.stubEnv('SSL_CERT_FILE', authority.ca);
  const { tls } = await readAccount({ ...base, tls: { verify: true } });
  expect(tls?.ca).toBe(await readFile(authority.ca, 'utf8'));
  vi.stubEnv('SSL_CERT_FILE', '');
  const system = await readAccount({ ...base, tls: { verify: true } });
  expect(system.tls?.ca ?? '-----BEGIN CERTIFICATE-----').toContain('-----BEGIN CERTIFICATE-----');
  expect(system.tls?.ca).not.toBe(tls?.ca);
});

test.each([
  ['tls.ca', 'a key', () => ({ tls: { ca: issued.key, verify: true } })],
  ['tls.ca', 'nothing', async () => ({ tls: { ca: await fileOf('empty.pem', ''), verify: true } })],
  [
    'tls.ca',
    'a certificate cut short',
    async () => {
      const cut = (await readFile(authority.ca, 'utf8')).replace(/\n[^-]{64}\n/, '\n');
      return { tls: { ca: await fileOf('cut.pem', cut), verify: true } };
    },
  ],
  ['tls.ca', 'a folder', () => ({ tls: { ca: folder, verify: true } })],
  [
    'tls.cert',
    'no file',
    () => ({ tls: { ca: authority.ca, cert: join(folder, 'no.pem'), key: issued.key, verify: true } }),
  ],
  [
    'tls.cert',
    "another certificate's key",
    async () => {
      const other = await authority.issue('DNS:db2');
      return { tls: { ca: authority.ca, cert: issued.cert, key: other.key, verify: true } };
    },
  ],
  ['serverPublicKey', 'a certificate', () => ({ serverPublicKey: authority.ca })],
  ['serverPublicKey', 'a private key', () => ({ serverPublicKey: issued.key })],
])('%s names %s: the file is named', async (key, _, change) => {
  const config = { ...base, ...(await change()) };
  const error: unknown = await readAccount(config).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'config', details: { key } });
  expect((error as Error).message).toContain(folder);
  expect((error as Error).message).not.toContain('BEGIN');
});
