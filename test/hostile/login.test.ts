import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import { connect } from '../../src/mysql/connection.js';
import type { Account } from '../../src/mysql/instance.js';
import { WaymarkError } from '../../src/util/errors.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { Authority, contentOf, type Issued } from '../support/certificates.js';
import { FakeServer, type Peer } from '../support/fake-server.js';
import { readFile } from 'node:fs/promises';

/** Each way in which a server could come by what isn't its own: nothing of it is on the wire, and the end has a name. */

const password = 'geheim-4711';
let folder: string;
let ours: Authority;
let theirs: Authority;
let fake: FakeServer | null = null;

beforeAll(async () => {
  folder = await makeRunFolder();
  [ours, theirs] = [await Authority.found(folder, 'ours'), await Authority.found(folder, 'theirs')];
});

afterAll(() => removeRunFolder(folder));

afterEach(async () => {
  await fake?.stop();
  fake = null;
});

/** Logs in at a server; gives the error, and all that was sent. */
async function logIn(
  serve: (peer: Peer) => Promise<void>,
  account: Partial<Account> = {},
): Promise<{ error: WaymarkError; sent: Buffer }> {
  fake = await FakeServer.start(serve);
  const instance = {
    address: fake.address,
    account: { user: 'u', password: new Secret(password), ...account },
  };
  const error = await connect(instance, { connectTimeoutMs: 5_000 }).then(
    (connection) => {
      connection.discard();
      throw new Error('it has logged in');
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof WaymarkError)) throw error;
  expect(error.message).not.toContain(password);
  return { error, sent: Buffer.concat(fake.received) };
}

describe('without TLS', () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ownKey = keys.publicKey.export({ type: 'spki', format: 'pem' });

  test.each([
    ['caching_sha2_password', Buffer.from([1, 4])],
    ['sha256_password', null],
  ])('%s, and a key of its own: not asked for, the password not sent', async (plugin, full) => {
    let answer: Buffer | null = null;
    const { error, sent } = await logIn(async (peer) => {
      await peer.send(peer.greeting());
      await peer.read();
      await peer.switchTo(plugin);
      if (full !== null) {
        await peer.read();
        await peer.send(full);
      }
      answer = await peer.read();
    });
    expect(error).toMatchObject({ code: 'access-denied' });
    expect(error.message).toMatch(/not encrypted.*"tls".*serverPublicKey.*getServerPublicKey/);
    expect(answer).toBeNull();
    expect(sent.includes(password)).toBe(false);
  });

  test.each([
    ['without a key it is noted that only memory let us in', {}, true],
    ['with a key that may be asked for it is not', { getServerPublicKey: true }, false],
  ])('caching_sha2_password, and the server remembers: %s', async (_, account, fromMemory) => {
    fake = await FakeServer.start(async (peer) => {
      await peer.send(peer.greeting());
      await peer.read();
      await peer.switchTo('caching_sha2_password');
      await peer.read();
      await peer.send(Buffer.from([1, 3]));
      await peer.ok();
      await peer.read();
    });
    const connection = await connect({
      address: fake.address,
      account: { user: 'u', password: new Secret(password), ...account },
    });
    expect(connection.fromMemory).toBe(fromMemory);
    connection.discard();
  });

  test('a key that is asked for by name is used: the password goes encrypted', async () => {
    const { error, sent } = await logIn(
      async (peer) => {
        await peer.send(peer.greeting());
        await peer.read();
        await peer.switchTo('caching_sha2_password');
        await peer.read();
        await peer.send(Buffer.from([1, 4]));
        expect(await peer.read()).toEqual(Buffer.from([2]));
        await peer.send(Buffer.concat([Buffer.from([1]), Buffer.from(ownKey)]));
        expect(await peer.read()).toHaveLength(256);
        await peer.error(1045, 'Access denied');
      },
      { getServerPublicKey: true },
    );
    expect(error.code).toBe('access-denied');
    expect(sent.includes(password)).toBe(false);
  });

  test('with a key that the configuration names no other is taken, and none is asked for', async () => {
    const { sent } = await logIn(
      async (peer) => {
        await peer.send(peer.greeting());
        await peer.read();
        await peer.switchTo('sha256_password');
        expect(await peer.read()).toHaveLength(256);
        await peer.error(1045, 'Access denied');
      },
      { serverPublicKey: ownKey.toString(), getServerPublicKey: true },
    );
    expect(sent.includes(password)).toBe(false);
  });

  test.each(['mysql_clear_password', 'mysql_old_password', 'parsec', 'dialog', 'toString', 'no\u001B[2Jne'])(
    '%s is refused by name',
    async (plugin) => {
      const { error, sent } = await logIn(async (peer) => {
        await peer.send(peer.greeting());
        await peer.read();
        await peer.switchTo(plugin);
        await peer.read();
      });
      expect(error.code).toBe('access-denied');
      expect(error.message).toMatch(/log in by/);
      expect(error.message).not.toContain('\u001B');
      expect(sent.includes(password)).toBe(false);
    },
  );

  test('a file of ours is not sent, whoever asks for it', async () => {
    const { error } = await logIn(async (peer) => {
      await peer.send(peer.greeting());
      await peer.read();
      await peer.send(Buffer.concat([Buffer.from([0xfb]), Buffer.from('/etc/passwd')]));
      await peer.read();
    });
    expect(error.code).toBe('server-unreachable');
    expect(Buffer.concat(fake!.received).includes('root:')).toBe(false);
  });
});

describe('with TLS: nothing of the login is sent before the certificate is known to be right', () => {
  const upTo = (issued: Issued, before?: (peer: Peer) => Buffer[]) => async (peer: Peer) => {
    const payloads = [peer.greeting({ tls: true, plugin: 'sha256_password' }), ...(before?.(peer) ?? [])];
    await peer.send(...payloads);
    await peer.read();
    await peer.encrypt(await contentOf(issued));
    await peer.read();
    await peer.switchTo('sha256_password');
    await peer.read();
    await peer.error(1045, 'Access denied');
  };

  test.each([
    ['another host of the same authority', () => ours.issue('DNS:localhost')],
    ['another address', () => ours.issue('IP:127.0.0.2')],
    ['its host, by an authority that is not ours', () => theirs.issue('IP:127.0.0.1')],
  ])('a certificate for %s', async (_, issue) => {
    const tls = { ca: await readFile(ours.ca, 'utf8') };
    const { error, sent } = await logIn(upTo(await issue()), { tls });
    expect(error.code).toBe('server-unreachable');
    expect(error.message).toContain('"tls"');
    // The request for TLS is 32 bytes and a header; what came behind it, TLS has kept.
    expect(sent.includes(password)).toBe(false);
    expect(sent.includes('u\0')).toBe(false);
  });

  test('a server without TLS', async () => {
    const { error, sent } = await logIn(
      async (peer) => {
        await peer.send(peer.greeting());
        await peer.read();
      },
      { tls: {} },
    );
    expect([error.code, sent.length]).toEqual(['server-unreachable', 0]);
  });

  test.each([
    ['that the login was right', (): Buffer => Buffer.from([0, 0, 0, 2, 0, 0, 0])],
    [
      'another way to log in',
      (): Buffer => Buffer.from(`\u00FEsha256_password\0${'x'.repeat(20)}\0`, 'latin1'),
    ],
  ])('what came in clear behind the greeting (%s) ends it', async (_, payload) => {
    const issued = await ours.issue('IP:127.0.0.1');
    const { error, sent } = await logIn(
      upTo(issued, () => [payload()]),
      { tls: { ca: await readFile(ours.ca, 'utf8') } },
    );
    expect(error.message).toMatch(/more than its greeting/);
    expect(sent.includes(password)).toBe(false);
  });

  test('the right one: then the login goes, by mysql2’s own ways', async () => {
    const issued = await ours.issue('IP:127.0.0.1');
    const { error, sent } = await logIn(upTo(issued), { tls: { ca: await readFile(ours.ca, 'utf8') } });
    expect(error.code).toBe('access-denied');
    expect(sent.includes(`${password}\0`)).toBe(true);
  });
});
