import { rm, writeFile } from 'node:fs/promises';
import { until } from '../servers/wait.js';
import type { AgentEnd, LogEvent } from '../support/agent-process.js';
import type { Random } from '../support/random.js';
import { at } from './aims.js';
import { Disk } from './disk.js';
import type { Act, Fault, Stage, Undo } from './stage.js';

/** The source may be away, and a new agent has to find its place. */
const growsMs = 150_000;

/** The leader notices within a second, and ends; then the other one leads, and meets the same. */
const noticedMs = 40_000;

/** An agent's end by name, because of its audit file. */
function endsBySink({ code }: AgentEnd, stopped: LogEvent | undefined): boolean {
  return code === 1 && stopped?.['code'] === 'sink';
}

export const auditFaults: readonly Fault[] = [
  {
    name: 'disk full',
    weight: 1.5,
    unable: ({ disk }) => (disk instanceof Disk ? null : disk),
    draw: (random) => ({
      what: 'its disk full',
      holdMs: random.between(1000, 6000),
      aim: at('the audit', diskFull),
    }),
  },
  {
    name: 'sink slow',
    weight: 2,
    gentle: true,
    draw(random) {
      const delayMs = random.pick([5, 50, 500]);
      return {
        what: `its disk slow, ${delayMs} ms for each write`,
        holdMs: random.between(500, 6000),
        aim: at('the audit', async ({ slowFile }) => {
          await writeFile(slowFile, String(delayMs));
          return () => rm(slowFile);
        }),
      };
    },
  },
  { name: 'audit truncated by mistake', weight: 0.7, draw: truncated },
  {
    name: 'audit renamed',
    weight: 2,
    draw(random) {
      const signals = random.chance(0.5);
      return {
        what: `its file renamed${signals ? ', and SIGUSR2' : ''}`,
        holdMs: 0,
        aim: at('the audit', async ({ audit, agents: { leader } }) => {
          await audit.rename();
          if (signals && leader.isUp) leader.process.userSignal();
          return () => audit.begun();
        }),
      };
    },
  },
];

async function diskFull({ agents, audit, disk }: Stage): Promise<Undo> {
  if (!(disk instanceof Disk)) throw new Error(disk);
  const end = agents.permit({ reason: 'disk full', accepts: endsBySink });
  await disk.fill();
  return async () => {
    const full = await audit.size();
    await disk.clear();
    // An agent that has met the full disk may still be ending: only the next one writes.
    await until('the audit grows again', async () => (await audit.size()) > full, { timeoutMs: growsMs });
    await agents.restarted();
    end();
  };
}

/**
 * Both agents meet it: the leader while it writes, the other one when it takes over. Half of the file at least is lost:
 * what the checkpoint doesn't know yet may go, and the next leader delivers it again.
 */
function truncated(random: Random): Act {
  const fraction = random.pick([0, random.fraction() / 2, 0.5]);
  return {
    what: `its file truncated to ${Math.floor(fraction * 100)} % of its length by mistake`,
    holdMs: 0,
    alone: true,
    aim: at('the audit', async ({ agents, audit }) => {
      const end = agents.permit({ reason: 'audit truncated', accepts: endsBySink });
      await agents.holding(async () => {
        for (const { process } of agents.all) await process.freeze();
        await audit.truncate(fraction);
        for (const { process } of agents.all) process.resume();
        await Promise.all(
          agents.all.map((agent) => agent.endsWithin(noticedMs, 'its audit file was truncated')),
        );
        await audit.putBack();
      });
      return async () => {
        await agents.restarted();
        end();
      };
    }),
  };
}
