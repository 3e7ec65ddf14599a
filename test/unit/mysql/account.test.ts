import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { readAccount } from '../../../src/mysql/account.js';

test('the account of a config, with the content of its TLS files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waymark-account-'));
  try {
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, 'PEM');
    const base = { user: 'waymark', password: new Secret('geheim') };
    expect(await readAccount(base)).toEqual(base);
    expect((await readAccount({ ...base, tls: { ca, verify: false } })).tls).toEqual({
      ca: 'PEM',
      verify: false,
    });
    const missing = { ...base, tls: { ca, verify: true, cert: join(folder, 'no.pem'), key: ca } };
    await expect(readAccount(missing)).rejects.toMatchObject({
      code: 'config',
      details: { key: 'tls.cert', file: join(folder, 'no.pem') },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
