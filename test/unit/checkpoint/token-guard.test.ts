import { beforeEach, describe, expect, it } from 'vitest';

import type { StoredCheckpoint } from '../../../src/checkpoint/checkpoint.js';
import { TokenGuard } from '../../../src/checkpoint/token-guard.js';
import { checkpointOf } from './samples.js';

const withToken = (fencingToken: number) => checkpointOf([], { fencingToken });

/** What is in the store, and how often it was read. */
let stored: StoredCheckpoint | null;
let loads: number;

beforeEach(() => {
  stored = { version: 'v1', checkpoint: withToken(7) };
  loads = 0;
});

function check(guard: TokenGuard, token: number, expected: string | null): Promise<void> {
  return guard.check(withToken(token), expected, 'here', () => {
    loads += 1;
    return Promise.resolve(stored);
  });
}

const conflict = {
  code: 'checkpoint-conflict',
  details: { location: 'here', stored: 7, own: 6 },
};

describe('a writer', () => {
  it('with an older token than the stored one is refused, one with the same or a newer one is not', async () => {
    const guard = new TokenGuard();
    await expect(check(guard, 6, 'v1')).rejects.toMatchObject(conflict);
    await check(guard, 7, 'v1');
    await check(guard, 8, 'v1');
  });

  it('is judged by what was read or written last, without reading it again', async () => {
    const guard = new TokenGuard();
    await check(guard, 7, 'v1');
    expect(loads).toBe(1);
    await expect(check(guard, 6, 'v1')).rejects.toMatchObject(conflict);
    expect(loads).toBe(1);
    guard.note('v2', withToken(8));
    await check(guard, 8, 'v2');
    await expect(check(guard, 7, 'v2')).rejects.toMatchObject({ details: { stored: 8, own: 7 } });
    expect(loads).toBe(1);
  });

  it('that names a version which is no longer stored is left to the compare-and-set', async () => {
    const guard = new TokenGuard();
    await check(guard, 6, 'v0');
    stored = null;
    await check(guard, 6, 'v1');
    expect(loads).toBe(2);
    // Neither counts as seen.
    stored = { version: 'v1', checkpoint: withToken(7) };
    await expect(check(guard, 6, 'v1')).rejects.toMatchObject(conflict);
  });

  it('that expects no record has none to compare with', async () => {
    const guard = new TokenGuard();
    guard.note('v1', withToken(7));
    await check(guard, 6, null);
    expect(loads).toBe(0);
  });
});
