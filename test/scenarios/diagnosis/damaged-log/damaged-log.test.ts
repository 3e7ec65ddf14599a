import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { binlogEnd, type TestServer } from '../../../servers/index.js';
import { scenario } from '../../../support/scenario.js';

/** Spoils the last event of a server's binary log, on its disk. */
async function damageLog(server: TestServer): Promise<void> {
  const [variable] = await server.query<{ path: string }>('SELECT @@log_bin_basename AS path');
  if (!variable) throw new Error(`${server.name} has no log`);
  const { file, position } = await binlogEnd(server);
  const log = await open(join(dirname(variable.path), file), 'r+');
  try {
    // In its checksum.
    const spoilt = { buffer: Buffer.alloc(1), position: position - 1 };
    await log.read({ ...spoilt, length: 1 });
    spoilt.buffer[0] = (spoilt.buffer[0] ?? 0) ^ 0xff;
    await log.write(spoilt.buffer, 0, 1, spoilt.position);
  } finally {
    await log.close();
  }
}

test('a log that breaks the stream at the same event each time is left', async () => {
  await scenario({}, async (stage) => {
    const [a, b] = [stage.replica(0), stage.replica(1)];
    await stage.startAgent();
    const load = await stage.startLoad();
    await stage.delivered(100);
    await stage.hints.next();
    await stage.delivered(20);
    await stage.stopAgent();
    await stage.committed(20);
    await load.stop();
    await stage.topology.waitForReplicas();
    await damageLog(a);

    const agent = await stage.startAgent();
    const done = await agent.waitForEvent('failover.done', ({ to }) => to === b.address);
    expect(done).toMatchObject({ from: a.address, confidence: 'exact' });
    expect(agent.all('replica.suspect')[0]).toMatchObject({ server: a.address, code: 'checksum' });
    await stage.finish();
  });
});
