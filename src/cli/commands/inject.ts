import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../../config/address.js';
import { runInjector } from '../../hints/injector.js';
import { hintEventName, hintStateTable, installServerEvent } from '../../hints/server-event.js';
import { exitCodes, WaymarkError } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { countOf, formatDuration } from '../../util/quantities.js';
import { InjectionReport, type ReportLine } from '../injection-report.js';
import { newestHint } from '../newest-hint.js';
import { readDuration, type ServersOptions, withAccountOptions, withOptionalServer } from '../options.js';
import { injectIntoPool } from '../pool-injection.js';
import { readTarget, type Target } from '../target.js';

type InjectOptions = CommonOptions &
  ServersOptions & {
    readonly server?: Address;
    readonly pool?: true;
    readonly every: number;
    readonly once?: true;
    readonly installEvent?: true;
  };

const defaultEvery = '5s';

/** `waymark inject`: hints into a source's binary log. */
export function addInjectCommand(program: Command, start: Start): void {
  withAccountOptions(
    withOptionalServer(
      program.command('inject').description("Inject hints into a source's binary log, until stopped."),
      'the source',
    )
      .option('--pool', "the source of the config file's pool, whichever server that is; needs -c")
      .addOption(
        new Option('--every <DURATION>', 'from one hint to the next, for example 500ms, 5s or 1m')
          .argParser(readDuration)
          .default(readDuration(defaultEvery), defaultEvery),
      )
      .option('--once', 'inject one hint and end')
      .option('--install-event', 'let the server inject hints itself, by an EVENT in the hint schema'),
  )
    .addHelpText(
      'after',
      `
On stderr it says when it begins, once a minute how many hints it has injected, and whenever something changes.
A hint is "drop view if exists" of a view that never exists; nor need its schema. The account needs DROP on that schema
(--install-event: also CREATE, EVENT, SELECT, INSERT, UPDATE). Give it what "waymark run" needs as well, and it sees
that the server is a source, and hints ascend over restarts even when the clock is set back.
With --pool it looks for the source among the pool's servers and those around them, and goes on on the new source after a
promotion. If it finds several sources, or none, it injects nowhere and says why. Where the config file has an election,
several injectors may run: one works, the others stand by.

Examples:
  waymark inject --server source:3306 --every 5s
  waymark inject --server source:3306 --once --json
  waymark inject --server source:3306 --every 5s --install-event
  waymark inject --pool -c waymark.yaml --every 5s`,
    )
    .action(start(inject));
}

async function inject(context: CommandContext, options: InjectOptions): Promise<number> {
  if (options.once === true && options.installEvent === true) {
    throw new WaymarkError('usage', '--once and --install-event are mutually exclusive');
  }
  const { server, pool, config } = options;
  if (pool === true) {
    const others = { '--server': server, '--once': options.once, '--install-event': options.installEvent };
    for (const [flag, value] of Object.entries(others)) {
      if (value !== undefined) throw new WaymarkError('usage', `--pool and ${flag} are mutually exclusive`);
    }
    if (config === undefined) throw new WaymarkError('usage', '--pool needs the option -c, --config <FILE>');
    return injectIntoPool(context, { ...options, config });
  }
  if (server === undefined) {
    throw new WaymarkError('usage', 'inject needs the option --server <HOST:PORT>, or --pool');
  }
  const target = await readTarget(context, { ...options, server });
  const logger = context.createLogger(target.logLevel);
  return options.installEvent === true
    ? install(context, target, logger, options.every)
    : injectHints(context, target, logger, options);
}

async function install(
  { output, signal }: CommandContext,
  target: Target,
  logger: Logger,
  everyMs: number,
): Promise<number> {
  const { instance, format } = target;
  const server = formatAddress(instance.address);
  const newest = await newestHint(instance, { format, logger, signal });
  await installServerEvent({ instance, format, everyMs, newest, signal });
  const event = `${format.schema}.${hintEventName}`;
  const state = `${format.schema}.${hintStateTable}`;
  await output.result(
    { server, event, stateTable: state, everyMs },
    `${server} now injects a hint every ${formatDuration(everyMs)}, by its event ${event}.\n` +
      `Each hint also changes a row of ${state}. Leave that table out (filter: {exclude: [${state}]}).\n` +
      'On replicas the event is disabled. After a promotion, install it on the new source.',
  );
  return exitCodes.done;
}

async function injectHints(
  { output, signal }: CommandContext,
  target: Target,
  logger: Logger,
  { every, once }: InjectOptions,
): Promise<number> {
  const { instance, format } = target;
  const server = formatAddress(instance.address);
  const report = new InjectionReport(server, every);
  const say = ({ level, event, fields, message }: ReportLine): void => {
    logger[level]({ event, ...fields }, message);
  };
  await runInjector({
    instance,
    format,
    everyMs: every,
    signal,
    once: once === true,
    newest: () => newestHint(instance, { format, logger, signal }),
    onInjected: (hint) => {
      say(report.hint(hint, performance.now()));
    },
    onNotice: (notice) => {
      say(report.notice(notice, performance.now()));
    },
  });
  const { injected } = report;
  const token = report.last?.token ?? null;
  if (once === true && token === null) signal.throwIfAborted();
  await (once === true
    ? output.result({ server, hint: token }, token ?? '')
    : output.result(
        { server, injected, lastHint: token },
        `${countOf(injected, 'hint')} injected on ${server}`,
      ));
  return exitCodes.done;
}
