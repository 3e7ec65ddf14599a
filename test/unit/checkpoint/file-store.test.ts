import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CheckpointStore } from '../../../src/checkpoint/checkpoint.js';
import { fileStore } from '../../../src/checkpoint/file-store.js';
import type { OpenFile, OpenMode } from '../../../src/runtime/disk.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { startChild } from './child.js';
import { checkpointOf, longTrail } from './samples.js';

const stream = 'shop-audit';
const { signal } = new AbortController();
const saveLoop = new URL('./fixtures/save-loop.ts', import.meta.url);

let base: string;
let path: string;
let opened: CheckpointStore[];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'waymark-checkpoint-'));
  path = join(base, 'state');
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(base, { recursive: true });
});

async function openStore(name = stream): Promise<CheckpointStore> {
  const store = fileStore({ path, stream: name });
  opened.push(store);
  await store.open(signal);
  return store;
}

function withCode(code: string, message = /./): Error {
  return expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;
}

describe('a file store', () => {
  it('gives back what was saved last, also to the next process', async () => {
    const first = await openStore();
    expect(await first.load(signal)).toBeNull();
    const version = await first.save(checkpointOf(longTrail(50, 10)), null, signal);
    expect(await first.load(signal)).toEqual({ checkpoint: checkpointOf(longTrail(50, 10)), version });
    const later = await first.save(checkpointOf([], { sequence: 13 }), version, signal);
    await first.close();
    const second = await openStore();
    expect(await second.load(signal)).toEqual({
      checkpoint: checkpointOf([], { sequence: 13 }),
      version: later,
    });
  });

  it('keeps its directory and its file from other accounts', async () => {
    const store = await openStore();
    await store.save(checkpointOf(), null, signal);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(store.location)).mode & 0o777).toBe(0o600);
  });

  it('refuses to write on top of a version that is no longer there', async () => {
    const store = await openStore();
    const version = await store.save(checkpointOf(), null, signal);
    await expect(store.save(checkpointOf(), null, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /already exists/),
    );
    await store.save(checkpointOf([], { sequence: 13 }), version, signal);
    await expect(store.save(checkpointOf(), version, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /changed by another process/),
    );
    await rm(store.location);
    await expect(store.save(checkpointOf(), version, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /is gone/),
    );
  });

  it('goes on from its own record if the folder could not be synced behind it', async () => {
    let fails = false;
    const disk = {
      ...nodeRuntime.disk,
      open: (name: string, ...rest: [OpenMode, number?]): Promise<OpenFile> =>
        fails && name === path
          ? Promise.reject(new Error('input/output error'))
          : nodeRuntime.disk.open(name, ...rest),
    };
    await runIn({ ...nodeRuntime, disk }, async () => {
      const store = await openStore();
      const first = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
      fails = true;
      await expect(store.save(checkpointOf([], { sequence: 2 }), first, signal)).rejects.toMatchObject({
        code: 'checkpoint-store',
      });
      fails = false;
      const version = await store.save(checkpointOf([], { sequence: 3 }), first, signal);
      expect(await store.load(signal)).toMatchObject({ version, checkpoint: { sequence: 3 } });
      await store.close();
    });
  });

  it('refuses a writer with an older fencing token', async () => {
    const store = await openStore();
    const version = await store.save(checkpointOf([], { fencingToken: 5 }), null, signal);
    const old = withCode('checkpoint-conflict', /token 5.*older token 4/);
    await expect(store.save(checkpointOf([], { fencingToken: 4 }), version, signal)).rejects.toThrow(old);
    await store.close();
    const next = await openStore();
    await expect(next.save(checkpointOf([], { fencingToken: 4 }), version, signal)).rejects.toThrow(old);
    await next.save(checkpointOf([], { fencingToken: 6 }), version, signal);
  });

  it('saves one after the other, in order', async () => {
    const store = await openStore();
    const saves = [store.save(checkpointOf(), null, signal), store.save(checkpointOf(), null, signal)];
    const outcomes = await Promise.allSettled(saves);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('keeps streams apart, whatever their names', async () => {
    const names = [
      'a/b',
      'a%2Fb',
      '../a',
      '.',
      '..',
      ' ',
      'ü',
      'CON',
      'x'.repeat(100),
      '\u{1f9ed}'.repeat(50),
    ];
    for (const name of names) {
      await (await openStore(name)).save(checkpointOf([], { stream: name }), null, signal);
    }
    const records = (await readdir(path)).filter((file) => file.endsWith('.checkpoint'));
    expect(records).toHaveLength(names.length);
    for (const store of opened.splice(0)) await store.close();
    for (const name of names) {
      expect((await (await openStore(name)).load(signal))?.checkpoint.stream).toBe(name);
    }
  });

  it('refuses a record of another stream, a damaged one, and what is none', async () => {
    const other = await openStore('billing');
    await other.save(checkpointOf([], { stream: 'billing' }), null, signal);
    const store = await openStore();
    await writeFile(store.location, await readFile(other.location));
    await expect(store.load(signal)).rejects.toThrow(
      withCode('checkpoint-foreign', /"billing".*"shop-audit"/),
    );
    await truncate(store.location, 100);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-damaged', /cut off/));
    await truncate(store.location, 0);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-damaged', /empty/));
    await truncate(store.location, 2 ** 40);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-damaged', /more than any record/));
  });

  it('says where it cannot write, and why', async () => {
    await writeFile(path, 'a file');
    await expect(openStore()).rejects.toThrow(withCode('checkpoint-store', /state.*EEXIST/));
    await rm(path);
    const store = await openStore();
    await mkdir(store.location);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-store', /EISDIR/));
    await rm(store.location, { recursive: true });
    await symlink(store.location, store.location);
    await expect(store.save(checkpointOf(), null, signal)).rejects.toThrow(
      withCode('checkpoint-store', /ELOOP/),
    );
  });

  it('does nothing when the signal has fired, or when it is not open', async () => {
    const aborted = AbortSignal.abort(new Error('stop'));
    const store = fileStore({ path, stream });
    await expect(store.open(aborted)).rejects.toThrow('stop');
    await expect(store.save(checkpointOf(), null, signal)).rejects.toThrow(
      withCode('checkpoint-store', /not open/),
    );
    await store.open(signal);
    await expect(store.save(checkpointOf(), null, aborted)).rejects.toThrow('stop');
    await store.close();
    await store.close();
    expect(await readdir(path)).toEqual([]);
  });

  it('is for one process at a time, and names the other', async () => {
    const child = startChild(saveLoop, [path, stream, '0']);
    await child.line((line) => Number(line) > 0);
    const store = await openStore();
    const expected = (await store.load(signal))?.version ?? null;
    await expect(store.save(checkpointOf(), expected, signal)).rejects.toThrow(
      withCode('checkpoint-store', new RegExp(`${String(child.pid)}.*lock`, 's')),
    );
    await child.kill();
    const left = (await store.load(signal))?.version ?? null;
    await store.save(checkpointOf(), left, signal);
  });

  it('is taken over under a later fencing token, by whoever reads it at any time', async () => {
    const [old, next] = [await openStore(), await openStore()];
    const version = await old.save(checkpointOf([], { fencingToken: 1 }), null, signal);
    expect((await next.load(signal))?.version).toBe(version);
    const taken = await next.save(checkpointOf([], { fencingToken: 2 }), version, signal);
    await expect(old.save(checkpointOf([], { fencingToken: 1 }), taken, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /token 2.*older token 1/),
    );
    // Its end takes nothing from the new one.
    await old.close();
    await next.save(checkpointOf([], { fencingToken: 2 }), taken, signal);
  });
});

describe('a process killed while it saves', () => {
  // Reproducible: the same kills each time, as far as time can be the same.
  const random = ((state: number) => () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  })(20_261_121);

  it('leaves the record before or the record after, 24 times', { timeout: 300_000 }, async () => {
    let least = 0;
    for (let kill = 0; kill < 24; kill += 1) {
      const child = startChild(saveLoop, [path, stream, '4000']);
      await child.line((line) => Number(line) > least);
      const delay = random() * 40;
      await new Promise((resolve) => setTimeout(resolve, delay));
      await child.kill();
      const reported = Math.max(...child.lines.filter((line) => line !== 'open').map(Number));
      const store = await openStore();
      const stored = await store.load(signal);
      const sequence = stored?.checkpoint.sequence ?? 0;
      // What was reported as saved is there; at most the one under way is there too.
      expect([reported, reported + 1]).toContain(sequence);
      expect(stored?.checkpoint).toEqual(checkpointOf(longTrail(4000, 20), { sequence }));
      await store.save(checkpointOf(longTrail(4000, 20), { sequence }), stored?.version ?? null, signal);
      expect((await readdir(path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      await store.close();
      least = sequence;
    }
    expect(least).toBeGreaterThanOrEqual(24);
  });
});

it('refuses a second agent at once where there is no election, before anything has been saved', async () => {
  const first = fileStore({ path, stream, alone: true });
  opened.push(first);
  await first.open(signal);
  const second = fileStore({ path, stream, alone: true });
  opened.push(second);
  await expect(second.open(signal)).rejects.toThrow(withCode('checkpoint-store', /lock/));
  await first.close();
  await second.open(signal);
});
