import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { TestServer } from '../../servers/index.js';
import { NameServer } from '../../support/name-server.js';
import { Proxy } from '../../support/proxy.js';
import { scenario } from '../../support/scenario.js';
import { documentOf, runWaymark } from '../../unit/cli/waymark.js';

const ownNameServer = fileURLToPath(new URL('../../support/own-name-server.mjs', import.meta.url));

/** Puts servers at 127.0.0.2, 127.0.0.3 and so on, all at the same port. */
async function lineUp(servers: readonly TestServer[]): Promise<readonly Proxy[]> {
  const proxies: Proxy[] = [];
  for (const [index, server] of servers.entries()) {
    const port = Number(proxies[0]?.address.split(':')[1] ?? 0);
    proxies.push(await Proxy.start(server, null, { host: `127.0.0.${String(index + 2)}`, port }));
  }
  return proxies;
}

test(
  'the addresses of a host name are members: they come and go as the name server says',
  { timeout: 240_000 },
  async () => {
    const names = await NameServer.start('replicas.waymark.test');
    const environment = {
      NODE_OPTIONS: `--import=${ownNameServer}`,
      WAYMARK_TEST_NAME_SERVER: names.address,
    };
    let proxies: readonly Proxy[] = [];
    try {
      await scenario({ topology: { replicas: 3 }, agent: { environment } }, async (stage) => {
        proxies = await lineUp(stage.topology.replicas);
        const [first, second, third] = proxies.map(({ address }) => address) as [string, string, string];
        const ip = (address: string): string => address.split(':')[0] ?? '';
        const configured = `${names.name}:${String(first.split(':')[1])}`;
        names.addresses = [second, first].map(ip);
        const config = { servers: [configured], discover: { from: 'dns', dropAfter: '5s' } };

        const agent = await stage.startAgent(config);
        expect(agent.all('member.discovered').map(({ server, by }) => [server, by])).toEqual([
          [first, configured],
          [second, configured],
        ]);
        expect(agent.all('stream.started')[0]).toMatchObject({ server: first });
        const check = documentOf(
          await runWaymark(
            ['check', '-c', join(stage.folder, 'waymark.yaml'), '--json'],
            environment,
            'built',
          ),
        ) as { servers: { server: string }[]; findings: { code: string }[] };
        expect(check.servers.map(({ server }) => server)).toEqual([first, second]);
        expect(check.findings.map(({ code }) => code)).not.toContain('single-server');

        await stage.startLoad({ rate: 80 });
        await stage.delivered(200);
        const joined = agent.next('member.discovered', ({ server }) => server === third);
        names.addresses = [first, second, third].map(ip);
        await joined;
        await stage.hints.next();
        await stage.delivered(100);
        await proxies[0]?.stop();
        await agent.waitForEvent('failover.done', ({ from }) => from === first);
        // The name has it still.
        await stage.delivered(600);
        expect(agent.all('member.dropped')).toEqual([]);
        const dropped = agent.next('member.dropped');
        names.addresses = [second, third].map(ip);
        expect(await dropped).toMatchObject({ server: first });

        // Nobody knows the name: those that it has led to stay.
        const unresolved = agent.next('name.unresolved');
        names.addresses = [];
        expect(await unresolved).toMatchObject({ name: names.name });
        await stage.delivered(600);
        await stage.stopAgent();
        const restarted = await stage.startAgent(config);
        const [started] = restarted.all('stream.started');
        expect([second, third]).toContain(started?.['server']);
        expect(restarted.all('member.discovered')).toMatchObject([
          { server: started?.['server'], by: 'the checkpoint' },
        ]);
        expect(agent.all('member.dropped')).toHaveLength(1);
        await stage.finish();
      });
    } finally {
      names.stop();
      await Promise.allSettled(proxies.map((proxy) => proxy.stop()));
    }
  },
);
