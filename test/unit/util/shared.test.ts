import { expect, test } from 'vitest';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { SharedPool } from '../../../src/util/shared.js';

class Thing {
  isOpen = true;

  close(): Promise<void> {
    this.isOpen = false;
    return Promise.resolve();
  }
}

test('a thing is shared by those who name it the same, and closed with the last of them', async () => {
  const pool = new SharedPool<Thing>();
  const [one, same, other] = ['a', 'a', 'b'].map((key) => pool.share(key, () => new Thing()));
  expect(same!.value).toBe(one!.value);
  expect(other!.value).not.toBe(one!.value);
  await one!.release();
  await one!.release();
  expect(same!.value.isOpen).toBe(true);
  await same!.release();
  expect(same!.value.isOpen).toBe(false);
  expect(pool.share('a', () => new Thing()).value.isOpen).toBe(true);
});

test('processes share nothing', () => {
  const pool = new SharedPool<Thing>();
  const shares = [{ ...nodeRuntime }, { ...nodeRuntime }].map((own) =>
    runIn(own, () => pool.share('a', () => new Thing())),
  );
  expect(shares[0]!.value).not.toBe(shares[1]!.value);
});
