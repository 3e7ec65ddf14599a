import { expect, test } from 'vitest';
import { createCheckpointStore } from '../../../../src/checkpoint/create-store.js';
import type { CheckpointStore } from '../../../../src/checkpoint/checkpoint.js';
import { loadConfig } from '../../../../src/config/load.js';
import { readAccount } from '../../../../src/mysql/account.js';
import { type AgentProcess } from '../../../support/agent-process.js';
import { backends, leaseMs, pair } from '../../../support/pair.js';

const { signal } = new AbortController();

test.each(backends)('the leader is frozen for longer than its lease, and goes on (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const frozen = two.agent('one');
    const older = two.token('one');
    const frozenAt = performance.now();
    await frozen.freeze();
    const { token } = await two.leads('two', older);
    expect(performance.now() - frozenAt).toBeGreaterThan(leaseMs / 2);
    await two.stage.delivered(100);
    const saved = frozen.all('checkpoint.saved').length;
    frozen.resume();
    // It has slept through everything and was in the middle of its work: whatever it tries is refused.
    await two.loses('one', older);
    expect(await frozen.waitForEvent('write.refused')).toMatchObject({ newerToken: token });
    await two.stage.delivered(100);
    // The answer to a save that was on its way may have waited for it; no other save is begun.
    expect(frozen.all('checkpoint.saved').length - saved).toBeLessThanOrEqual(1);
    await withStore(frozen, async (store) => {
      const stored = await store.load(signal);
      expect(stored?.checkpoint.fencingToken).toBe(token);
      if (stored === null) return;
      // What it could still send under its own token, knowing all that there is to know.
      const late = { ...stored.checkpoint, fencingToken: older };
      await expect(store.save(late, stored.version, signal)).rejects.toMatchObject({
        code: 'checkpoint-conflict',
      });
    });
    await two.finish();
  });
});

/** The checkpoint store as an agent has it. */
async function withStore(agent: AgentProcess, use: (store: CheckpointStore) => Promise<void>): Promise<void> {
  const config = await loadConfig(agent.configFile, {}, {});
  const account = await readAccount(config);
  const store = createCheckpointStore(config.checkpoint, config.stream, { account });
  try {
    await store.open(signal);
    await use(store);
  } finally {
    await store.close();
  }
}
