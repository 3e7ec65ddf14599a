import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileStore } from '../../../src/checkpoint/file-store.js';
import type { CheckpointStore } from '../../../src/checkpoint/checkpoint.js';
import type { Leadership } from '../../../src/election/election.js';
import { claimCheckpoint } from '../../../src/streams/checkpoint-claim.js';
import { fencedStore } from '../../../src/streams/fenced-writes.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { checkpointOf } from '../checkpoint/samples.js';

const { signal } = new AbortController();
let folder: string;
let opened: CheckpointStore[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-claim-'));
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** A store as the leader with that token writes it; he doesn't notice that others lead. */
async function storeOf(token: number): Promise<CheckpointStore> {
  const store = fileStore({ path: folder, stream: checkpointOf().stream });
  opened.push(store);
  await store.open(signal);
  const leadership: Leadership = {
    token,
    lost: signal,
    assertHeld: () => undefined,
    resign: () => Promise.resolve(),
  };
  return fencedStore(store, leadership);
}

test('there is nothing to claim before the first record', async () => {
  expect(await claimCheckpoint(await storeOf(1), signal)).toBeNull();
});

test('a claimed record takes nothing more from the leader before', async () => {
  const [old, next] = [await storeOf(1), await storeOf(2)];
  const first = await old.save(checkpointOf(), null, signal);
  const claimed = await claimCheckpoint(next, signal);
  expect(claimed?.checkpoint).toEqual({ ...checkpointOf(), fencingToken: 1 });
  await expect(old.save(checkpointOf([], { sequence: 99 }), first, signal)).rejects.toMatchObject({
    code: 'checkpoint-conflict',
  });
  expect((await next.load(signal))?.checkpoint).toEqual({ ...checkpointOf(), fencingToken: 2 });
});

test('a last write of the leader before is what counts, when it comes in between', async () => {
  const conflict = new WaymarkError('checkpoint-conflict', 'somebody wrote in between');
  let [sequence, version] = [1, 1];
  let late = 2;
  const store: CheckpointStore = {
    ...{ location: 'memory', layoutsLocation: 'memory', droppedEntries: 0, holderNote: null },
    loadLayouts: () => Promise.resolve(null),
    saveLayouts: () => Promise.resolve(),
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    load: () => Promise.resolve({ checkpoint: checkpointOf([], { sequence }), version: String(version) }),
    save(_, expected) {
      if (late > 0) {
        late -= 1;
        sequence += 1;
        version += 1;
      }
      if (expected !== String(version)) return Promise.reject(conflict);
      version += 1;
      return Promise.resolve(String(version));
    },
  };
  expect(await claimCheckpoint(store, signal)).toMatchObject({ checkpoint: { sequence: 3 }, version: '4' });
});

test('a later leader’s record is not claimed', async () => {
  const [old, next] = [await storeOf(1), await storeOf(2)];
  await next.save(checkpointOf(), null, signal);
  await expect(claimCheckpoint(old, signal)).rejects.toBeInstanceOf(WaymarkError);
  expect((await next.load(signal))?.checkpoint.fencingToken).toBe(2);
});
