import type { Command } from 'commander';
import { type Configs, loadConfigs } from '../../config/load.js';
import { exitCodeOf, exitCodes, WaymarkError } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withAgentOption } from '../options.js';
import { reloader } from '../reload.js';

type RunOptions = CommonOptions & { readonly config: string; readonly acceptGap?: true };

/** `waymark run`: the agent, until it is stopped or fails. */
export function addRunCommand(program: Command, start: Start): void {
  withAgentOption(
    program
      .command('run')
      .description(
        'Run the agent: read one server of the pool, fail over to another, deliver every change once.',
      ),
  )
    .option(
      '--accept-gap',
      'if no server has the place to go on any more, begin where "start" says, with a record of the gap',
    )
    .addHelpText(
      'after',
      `
Several streams: a list under "streams" in the config file, or a folder of config files (-c FOLDER).
SIGHUP: the config file is read again, and members are added to the pool or removed from it.
SIGUSR2: the audit file has been renamed; the stream goes on in a new one at the next transaction's end.
Records go where the config file's "sink" says. SIGINT or SIGTERM: a clean stop (a second one: at once).
With a sink of type stdout, stdout has records only, and an error's JSON document goes to stderr.

Example:
  waymark run -c waymark.yaml`,
    )
    .action(start(run));
}

async function run(context: CommandContext, options: RunOptions): Promise<number> {
  const { signal, output } = context;
  let onHangup = (): void => undefined;
  let onUserSignal = (): void => undefined;
  // From the first moment on: one that comes before the agent is there finds the file about to be read.
  context.onHangup(() => {
    onHangup();
  });
  context.onUserSignal(() => {
    onUserSignal();
  });
  const load = (): Promise<Configs> =>
    loadConfigs(options.config, context.environment, { 'log.level': options.logLevel });
  const configs = await load();
  const logger = context.createLogger(configs[0].log.level);
  const stdoutTaken = configs.some(({ sink }) => sink.type === 'stdout');
  // Loaded when needed: the other commands do without most of it, and start faster.
  const { createAgent } = await import('../../agent.js');
  const agent = createAgent(configs, { logger, acceptGap: options.acceptGap === true });
  onHangup = reloader({ load, apply: (changed) => agent.reload(changed), logger });
  onUserSignal = () => {
    agent.rotate();
  };
  try {
    await agent.run(signal);
  } catch (error) {
    // An end that was asked for may come out as the signal's reason.
    if (!signal.aborted || error !== signal.reason) {
      if (!(error instanceof WaymarkError)) return await output.error(error, { stdoutTaken });
      if (output.json || context.watched) await output.error(error, { stdoutTaken });
      return exitCodeOf(error);
    }
  }
  if (stdoutTaken || !output.json) return exitCodes.done;
  const [{ stream }, ...others] = configs;
  const names = others.length === 0 ? { stream } : { streams: configs.map((config) => config.stream) };
  await output.result({ ...names, stopped: true }, '');
  return exitCodes.done;
}
