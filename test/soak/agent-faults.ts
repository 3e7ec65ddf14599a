import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { at, atAgent, nothing } from './aims.js';
import { killConnections } from './connections.js';
import type { Fault, Stage, Undo } from './stage.js';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A planned switch has come to an end by then, one way or the other. */
const switchMs = 75_000;

/** From one kill of the look-up connections to the next. */
const betweenKillsMs = 400;

export const agentFaults: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 4,
    draw: (random) => ({
      what: 'killed',
      holdMs: 0,
      aim: atAgent(random, async (agent, { agents }) => {
        const end = agents.permit({ reason: 'killed', agent, accepts: ({ signal }) => signal === 'SIGKILL' });
        await agent.process.kill();
        return async () => {
          await agent.restarted();
          end();
        };
      }),
    }),
  },
  {
    name: 'agent terminated',
    weight: 2,
    draw: (random) => ({
      what: 'terminated',
      holdMs: 0,
      aim: atAgent(random, async (agent, { agents }) => {
        const end = agents.permit({ reason: 'terminated', agent, accepts: ({ code }) => code === 0 });
        await agent.process.stop();
        return async () => {
          await agent.restarted();
          end();
        };
      }),
    }),
  },
  {
    name: 'agent frozen',
    weight: 3,
    gentle: true,
    draw: (random) => ({
      what: 'frozen',
      // Some lose their lease by it, others don't.
      holdMs: random.between(200, 11_000),
      aim: atAgent(random, async ({ process }) => {
        await process.freeze();
        return () => {
          process.resume();
          return Promise.resolve();
        };
      }),
    }),
  },
  {
    name: 'planned switch',
    weight: 3,
    draw(random) {
      const number = random.between(0, 5);
      return {
        what: 'the stream ordered to another replica (waymark switch)',
        holdMs: 0,
        aim: at('an order', async (stage) => {
          await plannedSwitch(stage, number);
          return nothing;
        }),
      };
    },
  },
  {
    name: 'look-up connections killed',
    weight: 0.4,
    draw: (random) => {
      const times = random.between(2, 6);
      return {
        what: `look-up connections killed ${times} times, while the logs name no columns`,
        holdMs: 0,
        alone: true,
        aim: at('all replicas', (stage) => withoutNames(stage, times)),
      };
    },
  },
];

/** What `waymark switch` may say by right where servers and agents come and go. */
const expectedAnswers = new Set(['switch-refused', 'agent-unreachable']);

/** Orders the stream to another replica, as an operator would. What came of it is counted. */
async function plannedSwitch(stage: Stage, number: number): Promise<void> {
  const others = stage.replicas.filter((one) => one !== stage.read);
  const to = others[number % others.length]?.address ?? '';
  const args = [program, 'switch', '-c', stage.agents.leader.process.configFile, '--to', to, '--json'];
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('WAYMARK_')),
  );
  const answer = await run(process.execPath, args, { timeout: switchMs, env: environment }).then(
    () => 'switch done',
    // With --json its reason stands on stdout.
    (error: unknown) => codeIn((error as { stdout?: string }).stdout ?? '', error),
  );
  stage.orders.count(answer);
}

function codeIn(stdout: string, cause: unknown): string {
  const code = /"code": ?"([\w-]+)"/.exec(stdout)?.[1] ?? '';
  if (!expectedAnswers.has(code)) throw new Error(`the planned switch failed: ${stdout}`, { cause });
  return code;
}

/**
 * Servers stop logging columns' names, so that the agents look tables up, over connections that are killed. Nothing is
 * altered or dropped meanwhile: what a table was like when a row was written can't be looked up later.
 */
async function withoutNames(stage: Stage, times: number): Promise<Undo> {
  const { load, replicas } = stage;
  await load.setDefinitions(false);
  await stage.level();
  await setMetadata(stage, 'MINIMAL');
  for (let time = 0; time < times; time += 1) {
    await load.newTable();
    await stage.level();
    for (const { server } of replicas)
      await killConnections(server, (command) => !command.startsWith('Binlog Dump'));
    await new Promise((resolve) => setTimeout(resolve, betweenKillsMs));
  }
  return async () => {
    await stage.level();
    await setMetadata(stage, 'FULL');
    await load.setDefinitions(true);
  };
}

async function setMetadata({ replicas }: Stage, what: 'MINIMAL' | 'FULL'): Promise<void> {
  for (const { server } of replicas) await server.query(`SET GLOBAL binlog_row_metadata = '${what}'`);
}
