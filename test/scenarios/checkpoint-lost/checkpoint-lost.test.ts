import { rename } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import type { AuditRecord } from '../../support/audit.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/** Kills the agent while it delivers, loses its checkpoint, and lets the source go on for a while. */
async function loseEverythingButTheAudit(stage: Scenario): Promise<void> {
  await stage.delivered(150);
  await stage.agent.kill();
  await stage.loseCheckpoint();
  await stage.committed(40);
}

async function gaps(stage: Scenario): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const record of stage.records()) if (record.type === 'gap') found.push(record);
  return found;
}

test('the stream goes on where the audit ends, again and again', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    const load = await stage.startLoad({ rate: 200 });
    for (let time = 0; time < 3; time += 1) {
      await loseEverythingButTheAudit(stage);
      await stage.startAgent();
      expect(stage.agent.all('sink.ending')).toHaveLength(1);
    }
    load.setRate(40);
    await stage.finish();
  });
});

test('on another server, when the one that was read is dead', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 100 });
    await stage.committed(300);
    await loseEverythingButTheAudit(stage);
    await stage.replica(0).kill();
    await stage.startAgent();
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address, stage.replica(1).address]);
  });
});

test('without hints: on the same server, by the transaction that the last record stands in', async () => {
  await scenario({ hintsEveryMs: 0, config: { anchors: 'hints' } }, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 100 });
    await loseEverythingButTheAudit(stage);
    await stage.startAgent();
    expect(stage.agent.all('stream.started')[0]).toMatchObject({ server: stage.replica(0).address });
    await stage.finish();
  });
});

test('a young audit, from the middle between two hints; and one that has been renamed away since', async () => {
  await scenario({ hintsEveryMs: 60_000 }, async (stage) => {
    await stage.startLoad({ rate: 100 });
    await stage.committed(30);
    await stage.load.stop();
    await stage.topology.waitForReplicas();
    const before = stage.load.committed();
    await stage.startAgent({ start: 'latest' });
    await stage.source.query('CREATE TABLE shop.late (id INT PRIMARY KEY)');
    for (let id = 0; id < 20; id += 1) await stage.source.query(`INSERT INTO shop.late VALUES (${id})`);
    await stage.level();
    await stage.agent.kill();
    await stage.loseCheckpoint();
    await rename(stage.audit, `${stage.audit}.1`);
    stage.rotated.push(`${stage.audit}.1`);
    for (let id = 20; id < 40; id += 1) await stage.source.query(`INSERT INTO shop.late VALUES (${id})`);
    await stage.startAgent({ start: 'latest' });
    await stage.level();
    await stage.stopAgent();
    expect(before).toBeGreaterThan(0);
    const ids: unknown[] = [];
    for await (const { table, after } of stage.records()) if (table === 'late') ids.push(after?.['id']);
    expect(ids).toEqual(Array.from({ length: 40 }, (_, id) => id));
  });
});

test('where the place is on no server any more, the agent ends by name, and --accept-gap records the gap', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 60 });
    await loseEverythingButTheAudit(stage);
    await purgeEverywhere(stage);
    const refused = await stage.launchAgent({ start: 'earliest' });
    expect((await refused.ended).code).toBe(6);
    expect(refused.all('stopped')[0]).toMatchObject({ code: 'purged' });
    expect(String(refused.all('stopped')[0]?.['reason'])).toContain('--accept-gap');
    expect(await gaps(stage)).toEqual([]);

    stage.agentArgs = ['--accept-gap'];
    await stage.startAgent({ start: 'earliest' });
    await stage.level();
    await stage.agent.kill();
    // The next loss is none: the audit says where to go on, behind the gap.
    await stage.loseCheckpoint();
    stage.agentArgs = [];
    await stage.startAgent({ start: 'earliest' });
    await stage.level();
    await stage.load.stop();
    await stage.stopAgent();

    const [gap, ...others] = await gaps(stage);
    expect(others).toEqual([]);
    expect(gap).toMatchObject({
      from: { server: stage.replica(0).address },
      source: { position: 4 },
      tx: { row: 0, last: true },
    });
    const ids: string[] = [];
    for await (const { id } of stage.records()) ids.push(id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test('the same where the checkpoint is there', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 60 });
    await stage.delivered(100);
    await stage.agent.kill();
    await stage.committed(40);
    await purgeEverywhere(stage);
    expect((await (await stage.launchAgent()).ended).code).toBe(6);
    stage.agentArgs = ['--accept-gap'];
    await stage.startAgent({ start: 'earliest' });
    await stage.level();
    await stage.load.stop();
    await stage.stopAgent();
    expect(await gaps(stage)).toHaveLength(1);
  });
});

/** Every replica forgets what it had logged up to now, hints included. */
async function purgeEverywhere({ topology, hints }: Scenario): Promise<void> {
  await hints.next();
  await topology.waitForReplicas();
  for (const replica of topology.replicas) {
    await replica.query('FLUSH BINARY LOGS');
    const [kept] = (await logsOf(replica)).slice(-1);
    await until('the older logs are gone', async () => {
      // A file that is being sent to an agent that is dead is not purged yet.
      await replica.query(`PURGE BINARY LOGS TO '${kept ?? ''}'`);
      return (await logsOf(replica))[0] === kept;
    });
  }
  await hints.next();
  await topology.waitForReplicas();
}

async function logsOf(server: TestServer): Promise<string[]> {
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  return logs.map(({ Log_name }) => Log_name);
}
