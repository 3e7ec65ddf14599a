import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { Logger } from 'pino';
import { exitCodes, isSystemError, WaymarkError } from '../util/errors.js';
import { addCheckCommand } from './commands/check.js';
import { addCorrelateCommand } from './commands/correlate.js';
import { addFindCommand } from './commands/find.js';
import { addInjectCommand } from './commands/inject.js';
import { addLastHintCommand } from './commands/last-hint.js';
import { addLeaderCommand } from './commands/leader.js';
import { addRegroupCommand } from './commands/regroup.js';
import { addRepointCommand } from './commands/repoint.js';
import { addRunCommand } from './commands/run.js';
import { addStatusCommand } from './commands/status.js';
import { addSwitchCommand } from './commands/switch.js';
import { addTopologyCommand } from './commands/topology.js';
import type { CommonOptions, CommandWork, Start } from './context.js';
import { createLogger, flushLog } from './logger.js';
import { Output, unexpectedText } from './output.js';
import { signalsOf } from './signals.js';
import { takeStrayLines } from './stray-lines.js';

const examples = `
Account: WAYMARK_USER and WAYMARK_PASSWORD, or a config file (-c FILE).
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 diverged, 5 behind, 6 purged.

Examples:
  waymark check -c waymark.yaml                    what is wrong with the servers, all at once
  waymark run -c waymark.yaml                      the agent
  waymark status -c waymark.yaml                   how it is
  waymark switch -c waymark.yaml --to db2:3306     have it read another server
  waymark inject --server source:3306 --every 5s   hints into the source's binary log
  waymark last-hint --server db2:3306 --json
  waymark repoint --replica db3:3306 --below db2:3306   the plan; --execute does it
  waymark find --server db2:3306 --hint asc:56373F17:00000000012B1C8B:50EC77A1
  waymark topology --server db1:3306               who replicates from whom
  waymark correlate --from db2:3306 --at mysql-bin.000018:32087423 --to db3:3306`;

/** Runs the command line once; resolves with the exit code when everything has been written. Never rejects. */
export async function runProgram(process: NodeJS.Process): Promise<number> {
  const output = new Output(process, process.argv.includes('--json'));
  const { signal, onHangup, onUserSignal, release } = signalsOf(process);
  let logger: Logger | null = null;
  const onUncaught = (error: unknown): void => {
    // Whatever state this leaves us in, it isn't one to go on from.
    if (logger === null) process.stderr.write(`${unexpectedText(error)}\n`);
    else logger.fatal({ event: 'crashed', err: error }, crashText(error));
    process.exit(exitCodes.failed);
  };
  const giveBack = takeStrayLines(process, () => logger);
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  process.on('exit', flushLog);
  // A terminal or a reader of stderr that has gone is nothing to end for.
  process.stderr.on('error', ignore);
  let exitCode: number = exitCodes.done;
  const start: Start =
    <Options extends CommonOptions>(work: CommandWork<Options>) =>
    async (options: Options) => {
      const context = {
        output,
        signal,
        onHangup,
        onUserSignal,
        environment: process.env,
        watched: process.stderr.isTTY && !output.json,
        createLogger: (level: Parameters<typeof createLogger>[0]) => (logger = createLogger(level)),
      };
      exitCode = await work(context, options);
    };
  const usage: string[] = [];
  try {
    await buildProgram(start, usage).parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    return await failed(error, output, usage.join(''));
  } finally {
    release();
    giveBack();
    process.off('uncaughtException', onUncaught);
    process.off('unhandledRejection', onUncaught);
  }
}

function ignore(): void {
  // What stderr has to say of itself, nobody can be told.
}

function crashText(error: unknown): string {
  return isSystemError(error) ? error.message : 'unexpected error: please report it';
}

function buildProgram(start: Start, usage: string[]): Command {
  const program = new Command('waymark')
    .description('Failover agent for readers of MySQL and MariaDB binary logs, by Pseudo-GTID hints.')
    .version(version(), '-V, --version')
    .helpCommand(false)
    .addHelpText('after', examples)
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        usage.push(text);
      },
    });
  addRunCommand(program, start);
  addCheckCommand(program, start);
  addStatusCommand(program, start);
  addSwitchCommand(program, start);
  addFindCommand(program, start);
  addLastHintCommand(program, start);
  addCorrelateCommand(program, start);
  addInjectCommand(program, start);
  addLeaderCommand(program, start);
  addRepointCommand(program, start);
  addRegroupCommand(program, start);
  addTopologyCommand(program, start);
  return program;
}

/** Commander reports wrong usage, but also that it has shown the help or the version, as errors. */
async function failed(error: unknown, output: Output, usage: string): Promise<number> {
  if (!(error instanceof CommanderError)) return output.error(error);
  if (error.exitCode === 0) return exitCodes.done;
  const noCommand = error.code === 'commander.help';
  const message = noCommand
    ? 'Which command? See waymark --help'
    : error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  const hint = noCommand ? usage : 'See waymark --help, or waymark COMMAND --help';
  return output.error(new WaymarkError('usage', message), { hint });
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return known && typeof manifest.version === 'string' ? manifest.version : 'unknown';
}
