import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { beforeEach, describe, expect, test } from 'vitest';
import { createAgent } from '../../../src/agent.js';
import { recordFiles } from '../../../src/checkpoint/file-store.js';
import { oneFileOfTwo } from '../../../src/check/own-files.js';
import { parseConfigs } from '../../../src/config/load.js';
import { makeRunFolder, removeRunFolder } from '../../servers/folders.js';

let folder: string;

beforeEach(async () => {
  folder = await makeRunFolder();
  return () => removeRunFolder(folder);
});

const at = (...names: string[]): string => join(folder, ...names);

const streamOf = (stream: string, audit: string, state = 'state') => ({
  stream,
  sink: { type: 'file' as const, path: at(audit) },
  checkpoint: { store: 'file' as const, path: at(state) },
});

describe('what is one file under two names', () => {
  test('nothing: each has its own', async () => {
    expect(await oneFileOfTwo([streamOf('a', 'a.ndjson'), streamOf('b', 'b.ndjson')])).toBeNull();
  });

  test.each([
    ['the same path', (): Promise<void> => Promise.resolve(), 'a.ndjson'],
    ['another way to write it', (): Promise<void> => Promise.resolve(), './x/../a.ndjson'],
    ['a symbolic link', () => symlink(at('a.ndjson'), at('b.ndjson')), 'b.ndjson'],
    ['a symbolic link to what is not there yet', () => symlink('a.ndjson', at('c.ndjson')), 'c.ndjson'],
    ['a hard link', () => link(at('a.ndjson'), at('b.ndjson')), 'b.ndjson'],
  ])('two audit files: %s', async (name, make, other) => {
    if (!name.includes('not there yet')) await writeFile(at('a.ndjson'), '');
    await make();
    const pair = await oneFileOfTwo([streamOf('a', 'a.ndjson'), streamOf('b', other)]);
    expect(pair?.map(({ what }) => what)).toEqual([
      expect.stringContaining('the audit file'),
      expect.stringContaining('the audit file'),
    ]);
  });

  test.each(['record', 'lock', 'layouts'] as const)(
    'an audit file that is the checkpoint’s %s',
    async (part) => {
      await mkdir(at('state'));
      const path = recordFiles({ path: at('state'), stream: 'a' })[part];
      await writeFile(path, '');
      await link(path, at('audit.ndjson'));
      expect(await oneFileOfTwo([streamOf('a', 'audit.ndjson')])).not.toBeNull();
      // That of another stream as well.
      expect(await oneFileOfTwo([streamOf('a', 'own.ndjson'), streamOf('b', 'audit.ndjson')])).not.toBeNull();
    },
  );

  test('an audit file that is another one’s lock', async () => {
    expect(await oneFileOfTwo([streamOf('a', 'a.ndjson'), streamOf('b', 'a.ndjson.lock')])).not.toBeNull();
  });
});

test('an agent of several streams refuses to start, and says which', async () => {
  await writeFile(at('a.ndjson'), '');
  await link(at('a.ndjson'), at('b.ndjson'));
  const source = {
    ...{ servers: ['127.0.0.1:1'], user: 'u', password: 'p' },
    streams: [streamOf('one', 'a.ndjson'), streamOf('two', 'b.ndjson')],
  };
  const agent = createAgent(parseConfigs(stringify(source), 'test', {}), {
    logger: pino({ level: 'silent' }),
  });
  await expect(agent.run(AbortSignal.timeout(10_000))).rejects.toMatchObject({
    code: 'config',
    message: expect.stringMatching(/a\.ndjson.*"one".*|"one".*a\.ndjson.*"two".*b\.ndjson/) as string,
  });
});
