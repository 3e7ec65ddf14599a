import { at, atServer, drawServer, nothing } from './aims.js';
import type { Fault, Stage } from './stage.js';

/** What the agents' trail needs is younger: two hints, and a thousand transactions. */
const keptSeconds = 45;

export const logFaults: readonly Fault[] = [
  {
    name: 'logs flushed',
    weight: 2.5,
    gentle: true,
    draw(random) {
      const times = random.between(1, 4);
      return {
        what: `logs flushed, ${times} times`,
        holdMs: 0,
        aim: atServer(drawServer(random), async ({ server }) => {
          for (let time = 0; time < times; time += 1) await server.query('FLUSH LOCAL BINARY LOGS');
          return nothing;
        }),
      };
    },
  },
  {
    name: 'logs purged',
    weight: 0.7,
    draw: () => ({
      what: `logs purged that are older than ${keptSeconds} s`,
      holdMs: 0,
      alone: true,
      aim: at('all servers', async (stage) => {
        await purge(stage);
        return nothing;
      }),
    }),
  },
];

/** The files that nobody needs any more; each server rotates behind it, so that there are some the next time. */
async function purge({ hosts }: Stage): Promise<void> {
  for (const { server } of hosts) {
    await server.query(`PURGE BINARY LOGS BEFORE NOW() - INTERVAL ${keptSeconds} SECOND`);
    await server.query('FLUSH LOCAL BINARY LOGS');
  }
}
