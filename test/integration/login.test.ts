import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/config/address.js';
import { Secret } from '../../src/config/secret.js';
import { readAccount, type AccountConfig } from '../../src/mysql/account.js';
import { askServer } from '../../src/mysql/ask.js';
import type { Instance } from '../../src/mysql/instance.js';
import { startServer, type TestServer } from '../servers/index.js';
import { defaultKind } from '../servers/kind.js';
import { Authority } from '../support/certificates.js';
import { runWaymark } from '../unit/cli/waymark.js';

const { vendor } = defaultKind();
const password = 'geheim-4711';
let server: TestServer;
/** Where the server reads its files, also in a container. */
let folder: string;
let ours: Authority;
let theirs: Authority;

beforeAll(async () => {
  server = await startServer();
  const [row] = await server.query<{ path: string }>('SELECT @@socket AS path');
  folder = dirname(row?.path ?? '');
  [ours, theirs] = [await Authority.found(folder, 'ours'), await Authority.found(folder, 'theirs')];
  await take(ours, 'IP:127.0.0.1');
  await server.restart({
    ...{
      ssl_ca: join(folder, 'ca.pem'),
      ssl_cert: join(folder, 'cert.pem'),
      ssl_key: join(folder, 'key.pem'),
    },
    ...(vendor === 'mariadb' ? { plugin_maturity: 'experimental' } : {}),
  });
  await server.query(`CREATE USER waymark@'%' IDENTIFIED BY '${password}'`);
  await server.query(`CREATE USER secured@'%' IDENTIFIED BY '${password}' REQUIRE SSL`);
});

afterAll(() => server.stop());

async function take(authority: Authority, name: string): Promise<void> {
  const { cert, key } = await authority.issue(name);
  // MySQL wants its own certificate to be of an authority that it knows.
  await copyFile(authority.ca, join(folder, 'ca.pem'));
  await copyFile(cert, join(folder, 'cert.pem'));
  await copyFile(key, join(folder, 'key.pem'));
}

/** Has the server show another certificate. */
async function show(authority: Authority, name: string): Promise<void> {
  await take(authority, name);
  await server.query(vendor === 'mariadb' ? 'FLUSH SSL' : 'ALTER INSTANCE RELOAD TLS');
}

/** Logs in; gives who we are there and by which cipher, or the error. */
async function logIn(
  change: Partial<AccountConfig>,
  address = server.address,
  named: Pick<Instance, 'certificateName'> = {},
): Promise<[string, string]> {
  const account = await readAccount({ user: 'waymark', password: new Secret(password), ...change });
  const question = { purpose: 'say who we are', signal: new AbortController().signal, limitMs: 10_000 };
  return askServer({ address: parseAddress(address), account, ...named }, question, async (connection) => {
    const [who] = await connection.query('SELECT SUBSTRING_INDEX(CURRENT_USER(), "@", 1) AS name');
    const [cipher] = await connection.query("SHOW STATUS LIKE 'Ssl_cipher'");
    return [String(who?.['name']), String(cipher?.['Value'])];
  });
}

describe('the certificate must name the server as the configuration does', () => {
  const tls = (change: object = {}): Partial<AccountConfig> => ({
    user: 'secured',
    tls: { ca: ours.ca, verify: true, ...change },
  });
  const localhost = (): string => server.address.replace('127.0.0.1', 'localhost');

  test('an address by its address', async () => {
    await show(ours, 'IP:127.0.0.1');
    expect(await logIn(tls())).toEqual(['secured', expect.stringMatching(/./)]);
    await expect(logIn(tls(), localhost())).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('a name by its name: the right one for localhost is a foreign one for 127.0.0.1', async () => {
    await show(ours, 'DNS:localhost');
    expect(await logIn(tls(), localhost())).toEqual(['secured', expect.stringMatching(/./)]);
    await expect(logIn(tls())).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringMatching(/127\.0\.0\.1.*"tls"/) as string,
    });
  });

  test('an address that was found by a name: by that name alone', async () => {
    const named = { certificateName: 'localhost' };
    await show(ours, 'DNS:localhost');
    expect(await logIn(tls(), server.address, named)).toEqual(['secured', expect.stringMatching(/./)]);
    await show(ours, 'IP:127.0.0.1');
    await expect(logIn(tls(), server.address, named)).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('by an authority that is not ours: refused, unless nothing is checked', async () => {
    await show(theirs, 'IP:127.0.0.1');
    await expect(logIn(tls())).rejects.toMatchObject({ code: 'server-unreachable' });
    expect((await logIn(tls({ verify: false })))[0]).toBe('secured');
    expect((await logIn(tls({ ca: theirs.ca })))[0]).toBe('secured');
  });

  test('the same from the command line', async () => {
    await show(ours, 'IP:127.0.0.1');
    const environment = { WAYMARK_USER: 'secured', WAYMARK_PASSWORD: password };
    await server.query("GRANT ALL ON *.* TO secured@'%'");
    const run = (ca: string) =>
      runWaymark(['last-hint', '--server', server.address, '--tls-ca', ca, '--json'], environment);
    expect((await run(ours.ca)).stdout).toContain('not-found');
    expect((await run(theirs.ca)).stdout).toContain('server-unreachable');
    expect((await run(join(folder, 'no.pem'))).stdout).toContain('"config"');
  });
});

test('over a Unix socket, without TLS', async () => {
  expect(await logIn({}, `unix:${folder}/sock`)).toEqual(['waymark', '']);
  await expect(logIn({}, `unix:${folder}/no`)).rejects.toMatchObject({ code: 'server-unreachable' });
});

test.each(['user:geheim@db1:3306', 'mysql://u:geheim@db1'])(
  'a password that stands in an address is not repeated: %s',
  async (address) => {
    for (const args of [['--json'], []]) {
      const { code, stdout, stderr } = await runWaymark(['last-hint', '--server', address, ...args]);
      expect(code).toBe(2);
      expect(stdout + stderr).toContain('HOST:PORT');
      expect(stdout + stderr).not.toContain('geheim');
    }
  },
);

describe.runIf(vendor === 'mysql')('MySQL: the password itself, without TLS', () => {
  let key: string;

  beforeAll(async () => {
    const [row] = await server.query<{ Value: string }>(
      "SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'",
    );
    key = join(folder, 'public.pem');
    await writeFile(key, row?.Value ?? '');
    await server
      .query(`CREATE USER old@'%' IDENTIFIED WITH sha256_password BY '${password}'`)
      .catch(() => undefined);
  });

  /** The server forgets what it knows of passwords by earlier logins. */
  async function forget(): Promise<void> {
    await server.query('FLUSH PRIVILEGES');
  }

  test.each(['waymark', 'old'])('%s: not sent, unless it is said how', async (user) => {
    await forget();
    await expect(logIn({ user })).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('serverPublicKey') as string,
    });
    await forget();
    expect((await logIn({ user, getServerPublicKey: true }))[0]).toBe(user);
    await forget();
    expect((await logIn({ user, serverPublicKey: key }))[0]).toBe(user);
    await forget();
    expect((await logIn({ user }, `unix:${folder}/sock`))[0]).toBe(user);
    await forget();
    expect((await logIn({ user, tls: { ca: ours.ca, verify: true } }))[0]).toBe(user);
  });

  test('once the server knows it, a proof of it is enough', async () => {
    await forget();
    await logIn({ getServerPublicKey: true });
    expect((await logIn({}))[0]).toBe('waymark');
  });

  test('a wrong password is refused by each way, and a foreign key opens nothing', async () => {
    await forget();
    const wrong = { password: new Secret('wrong') };
    for (const way of [{ getServerPublicKey: true }, { serverPublicKey: key }]) {
      await expect(logIn({ ...way, ...wrong })).rejects.toMatchObject({ code: 'access-denied' });
    }
    const foreign = join(folder, 'foreign.pem');
    const { publicKey } = await import('node:crypto').then(({ generateKeyPairSync }) =>
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    );
    await writeFile(foreign, publicKey.export({ type: 'spki', format: 'pem' }));
    await expect(logIn({ serverPublicKey: foreign })).rejects.toMatchObject({ code: 'access-denied' });
  });

  test('the same from the command line', async () => {
    const environment = { WAYMARK_USER: 'waymark', WAYMARK_PASSWORD: password };
    await server.query("GRANT ALL ON *.* TO waymark@'%'");
    const run = (...args: string[]) =>
      runWaymark(['last-hint', '--server', server.address, '--json', ...args], environment);
    await forget();
    expect((await run()).stdout).toContain('access-denied');
    await forget();
    expect((await run('--server-public-key', key)).stdout).toContain('not-found');
    await forget();
    expect((await run('--get-server-public-key')).stdout).toContain('not-found');
  });
});

describe.runIf(vendor === 'mariadb')('MariaDB: its own ways to log in', () => {
  test('ed25519', async ({ skip }) => {
    const installed = server.query("INSTALL SONAME 'auth_ed25519'");
    skip(
      await installed.then(
        () => false,
        () => true,
      ),
      'its file is not among those of this server',
    );
    await server.query(`CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('${password}')`);
    expect((await logIn({ user: 'ed' }))[0]).toBe('ed');
    expect((await logIn({ user: 'ed', tls: { ca: ours.ca, verify: true } }))[0]).toBe('ed');
    await expect(logIn({ user: 'ed', password: new Secret('wrong') })).rejects.toMatchObject({
      code: 'access-denied',
    });
  });

  test('PARSEC is named, where the server has it', async ({ skip }) => {
    const [major, minor] = server.version.split('.').map(Number);
    skip((major ?? 0) < 11 || (major === 11 && (minor ?? 0) < 6), 'it came with MariaDB 11.6');
    const installed = server.query("INSTALL SONAME 'auth_parsec'");
    skip(
      await installed.then(
        () => false,
        () => true,
      ),
      'its file is not among those of this server',
    );
    await server.query(`CREATE USER par@'%' IDENTIFIED VIA parsec USING PASSWORD('${password}')`);
    await expect(logIn({ user: 'par' })).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringMatching(/parsec.*ed25519/) as string,
    });
  });
});

test('the key of the server is no secret of ours: what is in the file is not shown', async () => {
  const file = join(folder, 'ours-ca.pem');
  const { stderr } = await runWaymark(
    ['last-hint', '--server', server.address, '--server-public-key', file],
    { WAYMARK_USER: 'waymark', WAYMARK_PASSWORD: password },
  );
  expect(stderr).toContain(file);
  expect(stderr).not.toContain((await readFile(file, 'utf8')).slice(30, 60));
});
