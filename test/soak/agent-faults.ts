import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Fault, Stage } from './stage.js';
import { killConnections } from './server-faults.js';

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
    draw: (_random, { agent }) => ({
      what: 'killed',
      to: 'agent',
      holdMs: 0,
      async begin() {
        const end = agent.permit({ reason: 'killed', accepts: ({ signal }) => signal === 'SIGKILL' });
        await agent.process.kill();
        return async () => {
          await agent.restarted();
          end();
        };
      },
    }),
  },
  {
    name: 'agent terminated',
    weight: 2,
    draw: (_random, { agent }) => ({
      what: 'terminated',
      to: 'agent',
      holdMs: 0,
      async begin() {
        // The signal itself ends one that hasn't come to listen to it yet.
        const accepts = ({ code, signal }: { code: number | null; signal: string | null }): boolean =>
          code === 0 || signal === 'SIGTERM';
        const end = agent.permit({ reason: 'terminated', accepts });
        await agent.process.stop();
        return async () => {
          await agent.restarted();
          end();
        };
      },
    }),
  },
  {
    name: 'agent frozen',
    weight: 2,
    draw: (random, { agent }) => ({
      what: 'frozen',
      to: 'agent',
      holdMs: random.between(200, 8000),
      async begin() {
        const { process } = agent;
        await process.freeze();
        return () => {
          process.resume();
          return Promise.resolve();
        };
      },
    }),
  },
  {
    name: 'planned switch',
    weight: 2,
    draw: (_random, stage) => ({
      what: 'the stream moved here (waymark switch)',
      to: 'another replica',
      holdMs: 0,
      alone: true,
      async begin(server) {
        await plannedSwitch(stage, server.address);
        return () => Promise.resolve();
      },
    }),
  },
  {
    name: 'look-up connections killed',
    weight: 1.5,
    draw: (random, stage) => {
      const times = random.between(3, 10);
      return {
        what: `look-up connections killed ${times} times, while the logs name no columns`,
        to: 'everybody',
        holdMs: 0,
        alone: true,
        begin: () => withoutNames(stage, times),
      };
    },
  },
];

/** Moves the stream, as an operator would: one who is refused, because a server is behind yet, tries again. */
async function plannedSwitch({ agent }: Stage, to: string): Promise<void> {
  const until = performance.now() + switchMs;
  const args = [program, 'switch', '-c', agent.process.configFile, '--to', to, '--json'];
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('WAYMARK_')),
  );
  for (;;) {
    try {
      await run(process.execPath, args, { timeout: switchMs, env: environment });
      return;
    } catch (error) {
      // With --json its reason stands on stdout.
      const { stdout = '' } = error as { stdout?: string };
      const refused = stdout.includes('"code":"switch-refused"');
      if (!refused || performance.now() > until) {
        throw new Error(`the planned switch failed: ${stdout}`, { cause: error });
      }
    }
  }
}

/**
 * Servers stop logging columns' names, so that the agent looks tables up, over connections that are killed. Nothing is
 * altered or dropped meanwhile: what a table was like when a row was written can't be looked up later.
 */
async function withoutNames(stage: Stage, times: number): Promise<() => Promise<void>> {
  const { load, topology } = stage;
  await load.setDefinitions(false);
  await stage.level();
  await setMetadata(stage, 'MINIMAL');
  for (let time = 0; time < times; time += 1) {
    await load.newTable();
    await stage.level();
    for (const server of topology.replicas)
      await killConnections(server, (command) => !command.startsWith('Binlog Dump'));
    await new Promise((resolve) => setTimeout(resolve, betweenKillsMs));
  }
  return async () => {
    await stage.level();
    await setMetadata(stage, 'FULL');
    await load.setDefinitions(true);
  };
}

async function setMetadata({ topology }: Stage, what: 'MINIMAL' | 'FULL'): Promise<void> {
  for (const server of topology.replicas) await server.query(`SET GLOBAL binlog_row_metadata = '${what}'`);
}
