import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { binlogEnd, type BinlogPosition, type TestServer } from '../../../servers/index.js';
import { scenario } from '../../../support/scenario.js';

/** Spoils the checksum of an event in the middle of what a server has logged since a place, on its disk. */
async function damageLog(server: TestServer, since: BinlogPosition): Promise<void> {
  const [variable] = await server.query<{ path: string }>('SELECT @@log_bin_basename AS path');
  const middle = (since.position + (await binlogEnd(server)).position) / 2;
  const events = await server.query<{ End_log_pos: number }>(
    `SHOW BINLOG EVENTS IN '${since.file}' FROM ${since.position}`,
  );
  const event = events.find(({ End_log_pos: end }) => end > middle);
  if (!variable || !event) throw new Error(`${server.name} has no event there`);
  const log = await open(join(dirname(variable.path), since.file), 'r+');
  try {
    const position = event.End_log_pos - 1;
    const byte = Buffer.alloc(1);
    await log.read(byte, 0, 1, position);
    byte.writeUInt8(byte.readUInt8() ^ 0xff);
    await log.write(byte, 0, 1, position);
  } finally {
    await log.close();
  }
}

test('a log that breaks the stream at the same event each time is left, in the middle of a transaction', async () => {
  await scenario({}, async (stage) => {
    const [a, b] = [stage.replica(0), stage.replica(1)];
    await stage.startAgent();
    const load = await stage.startLoad();
    await stage.delivered(100);
    await stage.hints.next();
    await stage.delivered(20);
    await stage.stopAgent();
    const before = await binlogEnd(a);
    await load.bigTransaction(20_000);
    await stage.topology.waitForReplicas();
    await damageLog(a, before);

    const agent = await stage.startAgent();
    const done = await agent.waitForEvent('failover.done', ({ to }) => to === b.address);
    expect(done).toMatchObject({ from: a.address, confidence: 'exact' });
    const suspicions = agent.all('replica.suspect').filter(({ code }) => code !== 'stream-silent');
    // It is asked again, where it can be reached.
    const asked = done['finding'] === 'stream-broken' && agent.all('stream.reconnect-failed').length === 0;
    expect(suspicions.length).toBeGreaterThan(asked ? 1 : 0);
    for (const suspicion of suspicions)
      expect(suspicion).toMatchObject({ server: a.address, code: 'checksum' });
    await stage.finish();
  });
});
