import { expect, test } from 'vitest';
import { binlogEnd, startServer, type TestServer } from '../../servers/index.js';
import { type Hints, startHints } from '../../support/hints.js';
import { type Load, startLoad } from '../../support/load.js';
import { Proxy } from '../../support/proxy.js';
import { createAgentAccount } from '../../support/grants.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/** A server that has nothing to do with the others, and a log of the same name, with tables and hints of the same kind. */
class Stranger {
  readonly server: TestServer;
  readonly #hints: Hints;
  readonly #load: Load;

  private constructor(server: TestServer, hints: Hints, load: Load) {
    this.server = server;
    this.#hints = hints;
    this.#load = load;
  }

  static async start(like: TestServer): Promise<Stranger> {
    const server = await startServer({ settings: { server_id: like.serverId } });
    await createAgentAccount(server);
    const hints = startHints(server);
    const load = await startLoad(server, { seed: 99, rate: 150 });
    await load.bigTransaction(20_000);
    return new Stranger(server, hints, load);
  }

  /** Its log is longer than this server's, in a file of the same name. */
  async overtakes(server: TestServer): Promise<void> {
    const [mine, theirs] = [await binlogEnd(this.server), await binlogEnd(server)];
    expect(mine.file).toBe(theirs.file);
    expect(mine.position).toBeGreaterThan(theirs.position);
  }

  async stop(): Promise<void> {
    await Promise.allSettled([this.#hints.stop(), this.#load.close()]);
    await this.server.kill();
  }
}

async function withStranger(play: (stage: Scenario, proxy: Proxy, stranger: Stranger) => Promise<void>) {
  await scenario({}, async (stage) => {
    const stranger = await Stranger.start(stage.replica(0));
    const proxy = await Proxy.start(stage.replica(0));
    try {
      await play(stage, proxy, stranger);
    } finally {
      await proxy.stop();
      await stranger.stop();
    }
  });
}

test('while the agent was down another server has got the address: not a record of it', async () => {
  await withStranger(async (stage, proxy, stranger) => {
    const servers = [proxy.address, stage.replica(1).address];
    await stage.startAgent({ servers });
    await stage.startLoad({ rate: 40 });
    await stage.delivered(300);
    await stage.hints.next();
    await stage.agent.kill();
    await stranger.overtakes(stage.replica(0));
    proxy.move(stranger.server);
    const agent = await stage.startAgent({ servers });
    expect(agent.all('stream.started')[0]).toMatchObject({ server: stage.replica(1).address });
    await stage.committed(40);
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toEqual([proxy.address, stage.replica(1).address]);
  });
});

test('another server gets the address while the agent reads from there: not a record of it', async () => {
  await withStranger(async (stage, proxy, stranger) => {
    const servers = [proxy.address, stage.replica(1).address];
    const agent = await stage.startAgent({ servers });
    await stage.startLoad({ rate: 40 });
    await stage.delivered(300);
    await stage.hints.next();
    await stranger.overtakes(stage.replica(0));
    proxy.move(stranger.server);
    await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    await stage.committed(40);
    await stage.finish();
  });
});
