import { until } from '../servers/wait.js';
import type { AgentEnd, LogEvent } from '../support/agent-process.js';
import type { Random } from '../support/random.js';
import { Disk } from './disk.js';
import type { Act, Fault, Stage } from './stage.js';

/** The source may be away, and a new agent has to find its place. */
const growsMs = 120_000;

/** Noticed within a second, said, and ended. */
const noticedMs = 10_000;

/** The agent's end by name, because of its audit file. */
function endsBySink({ code }: AgentEnd, stopped: LogEvent | undefined): boolean {
  return code === 1 && stopped?.['code'] === 'sink';
}

export const auditFaults: readonly Fault[] = [
  {
    name: 'disk full',
    weight: 1.5,
    unable: ({ disk }) => (disk instanceof Disk ? null : disk),
    draw: (random, stage) => ({
      what: "the audit's disk full",
      to: 'agent',
      holdMs: random.between(1000, 8000),
      begin: () => diskFull(stage),
    }),
  },
  { name: 'audit truncated by mistake', weight: 1.5, draw: truncated },
  {
    name: 'audit renamed',
    weight: 2,
    draw(random, { agent, audit }) {
      const signals = random.chance(0.5);
      return {
        what: `the audit file renamed${signals ? ', and SIGUSR2' : ''}`,
        to: 'agent',
        holdMs: 0,
        async begin() {
          await audit.rename();
          if (signals) agent.process.userSignal();
          return () => audit.begun();
        },
      };
    },
  },
];

async function diskFull({ agent, audit, disk }: Stage): Promise<() => Promise<void>> {
  if (!(disk instanceof Disk)) throw new Error(disk);
  const end = agent.permit({ reason: 'disk full', accepts: endsBySink });
  await disk.fill();
  return async () => {
    const full = await audit.size();
    await disk.clear();
    // An agent that has met the full disk may still be ending: only the next one writes.
    await until('the audit grows again', async () => (await audit.size()) > full, { timeoutMs: growsMs });
    end();
  };
}

function truncated(random: Random, { agent, audit }: Stage): Act {
  const fraction = random.pick([0, random.fraction(), 0.99]);
  return {
    what: `the audit file truncated to ${Math.floor(fraction * 100)} % of its length by mistake`,
    to: 'agent',
    holdMs: 0,
    async begin() {
      const { process } = agent;
      const end = agent.permit({ reason: 'audit truncated', accepts: endsBySink });
      await agent.holding(async () => {
        await process.freeze();
        await audit.truncate(fraction);
        process.resume();
        await agent.endsWithin(noticedMs, 'its audit file was truncated');
        await audit.putBack();
      });
      return async () => {
        await agent.restarted();
        end();
      };
    },
  };
}
