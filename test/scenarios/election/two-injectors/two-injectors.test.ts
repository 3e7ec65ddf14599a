import { expect, test } from 'vitest';
import type { AgentStatus } from '../../../../src/failover/status.js';
import type { AgentProcess } from '../../../support/agent-process.js';
import { expectAscending, hintsOf } from '../../../support/hint-log.js';
import { injected, injections, letInject, startPoolInjector } from '../../../support/injector.js';
import { backends, electionAccount, lease, startElector } from '../../../support/pair.js';
import { type AgentConfig, scenario } from '../../../support/scenario.js';

/** Who injects, as an agent shows it. */
async function shownBy(agent: AgentProcess): Promise<AgentStatus['injector']> {
  const [{ address } = {}] = agent.all('http.listening');
  const response = await fetch(`http://${String(address)}/status`);
  return ((await response.json()) as AgentStatus).injector;
}

/** A look at the lease comes every five seconds. */
const patience = { timeout: 30_000, interval: 200 };

/** Hints that came into the log, but whose injector was killed or frozen before it said so. */
const unsaid = 2;

test.each(backends)(
  'of two injectors one works; it is killed, and then frozen: the other goes on (%s)',
  { timeout: 180_000 },
  async (backend) => {
    const options = { topology: { replicas: 1, zookeeper: backend === 'zookeeper' }, hintsEveryMs: 0 };
    await scenario(options, async (stage) => {
      const { source, topology } = stage;
      const elector = backend === 'mysql' ? await startElector() : null;
      const where =
        elector === null
          ? { connect: topology.zookeeper?.connectString ?? '' }
          : { server: elector.address, ...electionAccount };
      const election: AgentConfig = { election: { backend, ...where, ...lease } };
      const injectors: AgentProcess[] = [];
      const launch = async (name: string): Promise<AgentProcess> => {
        const injector = await startPoolInjector(stage, name, election);
        injectors.push(injector);
        return injector;
      };
      try {
        await letInject(source);
        await topology.waitForReplicas();
        const one = await launch('one');
        await injected(one, source, 3);
        const agent = await stage.startAgent({ ...election, http: { listen: '127.0.0.1:0' } });
        const two = await launch('two');
        await injected(one, source, 3);
        expect(injections(two)).toEqual([]);
        const holder = async (): Promise<string | null> => (await shownBy(agent)).lease?.holder ?? null;
        await expect.poll(holder, patience).not.toBeNull();
        const first = await shownBy(agent);
        expect(first).toMatchObject({ server: source.address, serverId: source.serverId });

        const takesOver = injected(two, source, 3);
        await one.kill();
        await takesOver;
        await expect.poll(holder, patience).not.toBe(first.lease?.holder);
        await expect.poll(holder, patience).not.toBeNull();
        expect((await shownBy(agent)).lease?.since).toBeGreaterThan(first.lease?.since ?? Infinity);

        const three = await launch('three');
        await injected(two, source, 2);
        expect(injections(three)).toEqual([]);
        const goesOn = injected(three, source, 3);
        await two.freeze();
        await goesOn;
        const lost = two.next('leader.lost');
        two.resume();
        await lost;
        // It stands by, and says nothing of hints any more.
        await injected(three, source, 5);

        for (const injector of [two, three]) expect((await injector.stop()).code, injector.log()).toBe(0);
        const hints = await hintsOf(source);
        expectAscending(hints);
        const owners = hints.map(({ token }) =>
          injectors.findIndex((injector) => injections(injector).some(({ hint }) => hint === token)),
        );
        expect(owners.filter((owner) => owner === -1).length).toBeLessThanOrEqual(unsaid);
        const said = owners.filter((owner) => owner !== -1);
        expect(said.filter((owner, index) => owner !== said[index - 1])).toEqual([0, 1, 2]);
      } finally {
        for (const injector of injectors) {
          injector.resume();
          await injector.kill();
        }
        await elector?.kill();
      }
    });
  },
);
