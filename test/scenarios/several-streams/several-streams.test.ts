import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

const patience = { timeout: 30_000, interval: 100 };

test('two streams, of which one fails; and no server runs when the agent is started', async () => {
  await scenario({}, async (stage) => {
    const { stream: name, sink, ...shared } = stage.config();
    for (const replica of stage.topology.replicas) await replica.kill();
    const bad = { type: 'file', path: join(stage.folder, 'missing', 'bad.ndjson') };
    const streams = [
      { stream: name, sink },
      { stream: 'bad', sink: bad },
    ];
    const agent = await stage.launchRaw({ ...shared, streams, http: { listen: '127.0.0.1:0' } });
    await agent.waitForEvent('waiting', ({ stream }) => stream === name);
    for (const replica of stage.topology.replicas) await replica.restart();
    await agent.waitForEvent('stream.started', ({ stream }) => stream === name);
    await stage.startLoad();
    await stage.delivered(100);
    const failed = await agent.waitForEvent('stream.failed', ({ retryMs }) => Number(retryMs) > 1000);
    expect(failed).toMatchObject({ stream: 'bad', code: 'sink' });
    const { address } = await agent.waitForEvent('http.listening');
    const ask = async (path: string): Promise<unknown> =>
      (await fetch(`http://${String(address)}${path}`)).json();
    // A server that is silent for a moment makes its stream look for a place, for that long.
    await expect
      .poll(() => ask('/healthz'), patience)
      .toMatchObject({
        healthy: true,
        unhealthyBecause: expect.stringContaining('bad: ') as string,
      });
    await expect
      .poll(() => ask('/status'), patience)
      .toMatchObject({
        healthy: false,
        streams: [
          { stream: name, healthy: true, phase: { kind: 'streaming' } },
          { stream: 'bad', healthy: false },
        ],
      });
    expect(await ask(`/status?stream=${String(name)}`)).toMatchObject({ stream: name, token: 0 });
    const metrics = async (): Promise<string> => (await fetch(`http://${String(address)}/metrics`)).text();
    await expect.poll(metrics, patience).toMatch(/waymark_healthy\{stream="scenario"\} 1/);
    await expect.poll(metrics, patience).toMatch(/waymark_healthy\{stream="bad"\} 0/);
    await stage.finish();
  });
});
