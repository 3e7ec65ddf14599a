import { expect, test } from 'vitest';
import { until } from '../../servers/wait.js';
import { Proxy } from '../../support/proxy.js';
import { type Scenario, scenario } from '../../support/scenario.js';
import { spoiler } from '../../support/spoiler.js';

/** A table whose rows nobody can read through a proxy that spoils them, and what stands in them. */
const table = 'spoilt';
const marker = 'where it can be read';
/** What the decoder says of a row whose lengths don't fit: reading it once more changes nothing. */
const unreadable = 'unsupported-event';

/** Plays with proxies before servers of a scenario, and ends them. */
async function behindProxies(
  stage: Scenario,
  spoils: readonly boolean[],
  play: (proxies: readonly Proxy[]) => Promise<void>,
): Promise<void> {
  const proxies: Proxy[] = [];
  try {
    for (const [index, spoilt] of spoils.entries()) {
      proxies.push(await Proxy.start(stage.replica(index), spoilt ? spoiler(table) : null));
    }
    await play(proxies);
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

/** Delivers some, and then writes what can't be read where it is spoilt. */
async function writeUnreadable(stage: Scenario): Promise<void> {
  await stage.startLoad({ rate: 60 });
  await stage.delivered(150);
  await stage.hints.next();
  await stage.source.query(
    `CREATE TABLE shop.${table} (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40))`,
  );
  await stage.source.query(`INSERT INTO shop.${table} (note) VALUES (?)`, [marker]);
}

/** How often the agent has found that a server can't be read. */
function failuresOf(stage: Scenario, { address }: Proxy): number {
  return stage.agent
    .all('replica.suspect')
    .filter(({ server, code }) => server === address && code === unreadable).length;
}

const named = /shop\.spoilt.*transaction \d+ after (hint [0-9A-F:]+|the start)/s;

test('on one server alone: it is left, and not come back to for this transaction', async () => {
  await scenario({}, async (stage) => {
    await behindProxies(stage, [true, false], async ([spoilt, sound]) => {
      const agent = await stage.startAgent({
        servers: [{ address: spoilt!.address, priority: 10 }, sound!.address],
        failover: { cooldown: '0s' },
      });
      expect(agent.all('stream.started')[0]).toMatchObject({ server: spoilt!.address });
      await writeUnreadable(stage);
      const done = await agent.waitForEvent('failover.done', ({ to }) => to === sound!.address);
      expect(done).toMatchObject({ from: spoilt!.address, confidence: 'exact' });
      expect(failuresOf(stage, spoilt!)).toBe(1);
      const [suspicion] = agent.all('replica.suspect').filter(({ code }) => code === unreadable);
      expect(suspicion?.['reason']).toMatch(named);
      await stage.committed(60);
      await stage.finish();
      expect(stage.moves()).toHaveLength(1);
      expect(failuresOf(stage, spoilt!)).toBe(1);
    });
  });
});

test('on one server, and the other one is away: it is waited for', async () => {
  await scenario({}, async (stage) => {
    await behindProxies(stage, [true, false], async ([spoilt, sound]) => {
      const agent = await stage.startAgent({
        servers: [{ address: spoilt!.address, priority: 10 }, sound!.address],
      });
      sound!.block();
      await writeUnreadable(stage);
      const refused = await agent.waitForEvent('failover.refused');
      expect(JSON.stringify(refused['reasons'])).toMatch(named);
      const failures = failuresOf(stage, spoilt!);
      expect(failures).toBe(1);
      sound!.unblock();
      await agent.waitForEvent('failover.done', ({ to }) => to === sound!.address);
      await stage.committed(40);
      await stage.finish();
      expect(failuresOf(stage, spoilt!)).toBe(failures);
    });
  });
});

test('on all servers: the stream ends, and says where and why', async () => {
  await scenario({}, async (stage) => {
    await behindProxies(stage, [true, true], async ([one, other]) => {
      const agent = await stage.startAgent({
        servers: [{ address: one!.address, priority: 10 }, other!.address],
      });
      await writeUnreadable(stage);
      expect(await agent.ended, agent.log()).toEqual({ code: 1, signal: null });
      const [stopped] = agent.all('stopped');
      expect(stopped).toMatchObject({ code: unreadable, schema: 'shop', table: 'spoilt' });
      expect(stopped?.['msg']).toMatch(named);
      for (const proxy of [one!, other!]) {
        expect(stopped?.['msg']).toContain(proxy.address);
        expect(failuresOf(stage, proxy)).toBe(1);
      }
      // What stands before it has been delivered, and where it can be read the stream goes on.
      await stage.load.stop();
      await stage.startAgent();
      await until('the row is delivered', () => stage.follower.holds(marker));
      await stage.level();
      await stage.stopAgent();
      await stage.judge();
    });
  });
});

test('on the only server that there is: the stream ends', async () => {
  await scenario({ topology: { replicas: 1 } }, async (stage) => {
    await behindProxies(stage, [true], async ([only]) => {
      const agent = await stage.startAgent({ servers: [only!.address] });
      await writeUnreadable(stage);
      expect(await agent.ended, agent.log()).toEqual({ code: 1, signal: null });
      expect(failuresOf(stage, only!)).toBe(1);
      expect(agent.all('stopped')[0]?.['msg']).toMatch(named);
    });
  });
});
