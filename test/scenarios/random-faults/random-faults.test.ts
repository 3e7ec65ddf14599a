import { test } from 'vitest';
import type { TestServer } from '../../servers/index.js';
import { Random } from '../../support/random.js';
import { type Scenario, scenario } from '../../support/scenario.js';

const faults = 12;

/** Most faults kill a server or the agent and start it again. */
const limits = { timeout: 300_000 };

/** One fault after the other, at moments that have nothing to do with what the agent is doing. */
class Faults {
  readonly #stage: Scenario;
  readonly #random: Random;

  constructor(stage: Scenario, seed: number) {
    this.#stage = stage;
    this.#random = new Random(seed);
  }

  async next(): Promise<void> {
    const stage = this.#stage;
    const replica = this.#random.pick(stage.topology.replicas);
    const kinds = [
      () => this.#replicaDies(replica),
      () => this.#replicaDies(replica),
      () => this.#agentDies(),
      async () => {
        await Promise.all([this.#agentDies(), this.#replicaDies(replica)]);
      },
      () => replica.query('FLUSH LOCAL BINARY LOGS'),
      () => this.#replicaFreezes(replica),
      async () => {
        // Perhaps before it has come to listen to signals.
        await stage.agent.stop();
        await stage.launchAgent();
      },
    ];
    await this.#random.pick(kinds)();
    await stage.committed(this.#random.between(1, 40));
  }

  async #replicaDies(replica: TestServer): Promise<void> {
    await replica.kill();
    await this.#stage.committed(this.#random.between(1, 30));
    await replica.restart();
  }

  async #replicaFreezes(replica: TestServer): Promise<void> {
    await replica.freeze();
    await this.#stage.committed(this.#random.between(50, 200));
    await replica.resume();
  }

  async #agentDies(): Promise<void> {
    await this.#stage.agent.kill();
    await this.#stage.committed(this.#random.between(1, 30));
    await this.#stage.launchAgent();
  }
}

test(
  'one fault after the other: replicas and agent are killed, stand still, rotate, restart',
  limits,
  async () => {
    const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 1);
    await scenario({ hintsEveryMs: 300, agent: { limitMs: 280_000 } }, async (stage) => {
      await stage.startAgent();
      await stage.startLoad({ rate: 100 });
      await stage.delivered(100);
      const next = new Faults(stage, seed);
      for (let fault = 0; fault < faults; fault += 1) await next.next();
      await stage.finish();
    });
  },
);
