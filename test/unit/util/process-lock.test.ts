import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { WaymarkError } from '../../../src/util/errors.js';
import { acquireProcessLock } from '../../../src/util/process-lock.js';

let folder: string;
let lock: string;
const options = { code: 'sink', subject: 'the file audit.ndjson' } as const;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-lock-'));
  lock = join(folder, 'audit.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function holderText(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(lock, 'utf8')) as Record<string, unknown>;
}

test('a held lock is refused with the holder named, and free again after release', async () => {
  const first = await acquireProcessLock(lock, options);
  const error = await acquireProcessLock(lock, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WaymarkError);
  expect(error).toMatchObject({ code: 'sink' });
  expect(String(error)).toContain(`pid ${String(process.pid)}`);
  expect(String(error)).toContain(lock);
  await first.release();
  await first.release();
  await (await acquireProcessLock(lock, options)).release();
  expect(await readdir(folder)).toEqual([]);
});

test('the lock of a dead process is taken over by exactly one of many', async () => {
  const dead = spawn(process.execPath, ['-e', '']);
  await once(dead, 'exit');
  await (await acquireProcessLock(lock, options)).release();
  const held = await acquireProcessLock(lock, options);
  const text = await holderText();
  await held.release();
  await writeFile(lock, JSON.stringify({ ...text, pid: dead.pid, started: '1' }));

  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => acquireProcessLock(lock, options)),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['audit.lock']);
});

test.runIf(process.platform === 'linux')('a recycled pid is not mistaken for the holder', async () => {
  const held = await acquireProcessLock(lock, options);
  const text = await holderText();
  await held.release();
  await writeFile(lock, JSON.stringify({ ...text, started: '1' }));
  await (await acquireProcessLock(lock, options)).release();
});

test('a holder that cannot be looked up counts as alive until its lock is 30 seconds old', async () => {
  await writeFile(
    lock,
    JSON.stringify({ pid: 1, started: '1', host: 'elsewhere', place: 'elsewhere', nonce: 'ab' }),
  );
  await expect(acquireProcessLock(lock, options)).rejects.toThrow('process 1 on elsewhere');
  const old = new Date(Date.now() - 31_000);
  await utimes(lock, old, old);
  await (await acquireProcessLock(lock, options)).release();
});

test('a lock file that is not ours is refused while it is fresh', async () => {
  await writeFile(lock, 'hello');
  await expect(acquireProcessLock(lock, options)).rejects.toThrow('another process');
});

test('a folder that does not exist is an error of the caller’s code', async () => {
  const error = await acquireProcessLock(join(folder, 'no', 'lock'), options).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'sink' });
  expect(String(error)).toContain('ENOENT');
});
