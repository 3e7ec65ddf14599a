import type { Command } from 'commander';
import { type Address, formatAddress } from '../../config/address.js';
import { type Coordinates, formatCoordinates } from '../../binlog/coordinates.js';
import { correlate } from '../../correlate/correlate.js';
import {
  type Correlation,
  type InspectedServer,
  nameOfTransaction,
  type OwnTransactions,
} from '../../correlate/result.js';
import type { Instance } from '../../mysql/instance.js';
import { inspect } from '../../mysql/inspect.js';
import { namingGrants } from '../../preflight/named-grants.js';
import { exitCodes } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { readCoordinates, withAccountOptions, withRequiredOption, withServerOption } from '../options.js';
import { showScanProgress } from '../scan-progress.js';
import { readTarget } from '../target.js';
import { countOf, formatDuration } from '../../util/quantities.js';

type CorrelateOptions = CommonOptions & {
  readonly from: Address;
  readonly at: Coordinates;
  readonly to: Address;
};

const inspectTimeoutMs = 10_000;

/** `waymark correlate`: the place on one server that is the same as a place on another. */
export function addCorrelateCommand(program: Command, start: Start): void {
  const command = program
    .command('correlate')
    .description('Find the coordinates on one server that are the same place as coordinates on another.');
  withServerOption(command, '--from', 'the server whose coordinates are known');
  withRequiredOption(command, '--at <FILE:POS>', 'a place between two transactions there', readCoordinates);
  withServerOption(command, '--to', 'the server where the same place is looked for');
  withAccountOptions(command)
    .addHelpText(
      'after',
      `
JSON: {from: {server, file, position}, to: {server, file, position}, hint, transactionsMatched, confidence,
       ownTransactions: {from: {count, first}, to: {count, first}}, elapsedMs}
Exit codes: 3 no hint of that time is there, 4 the servers differ, 5 --to hasn't got so far yet, 6 its logs of that
time are gone.

Example:
  waymark correlate --from db2:3306 --at mysql-bin.000018:32087423 --to db3:3306`,
    )
    .action(start(runCorrelate));
}

async function runCorrelate(context: CommandContext, options: CorrelateOptions): Promise<number> {
  const { instance, format, logLevel } = await readTarget(context, { ...options, server: options.from });
  const { signal } = context;
  const logger = context.createLogger(logLevel);
  const target: Instance = { ...instance, address: options.to };
  const startedAt = performance.now();
  const [from, to] = await Promise.all([look(instance, signal), look(target, signal)]);
  const progress = new Map(
    [instance, target].map(({ address }) => {
      const server = formatAddress(address);
      return [server, showScanProgress(context, logger, server)];
    }),
  );
  const found = await namingGrants(instance, signal, () =>
    correlate({
      from,
      to,
      at: options.at,
      format,
      signal,
      onProgress: ({ server, ...scanned }) => progress.get(server)?.onProgress(scanned),
    }),
  ).finally(() => {
    for (const { end } of progress.values()) end();
  });
  const elapsedMs = Math.round(performance.now() - startedAt);
  const servers = { from: formatAddress(options.from), to: formatAddress(options.to) };
  await context.output.result(
    {
      from: { server: servers.from, ...options.at },
      to: { server: servers.to, ...found.to },
      hint: found.hint,
      gtid: found.gtid,
      transactionsMatched: found.transactionsMatched,
      confidence: found.confidence,
      ownTransactions: found.ownTransactions,
      elapsedMs,
    },
    resultText(servers, options.at, found, elapsedMs),
  );
  return exitCodes.done;
}

async function look(instance: Instance, signal: AbortSignal): Promise<InspectedServer> {
  const inspection = await namingGrants(instance, signal, () => inspect(instance, signal, inspectTimeoutMs));
  return { instance, inspection };
}

function resultText(
  servers: { readonly from: string; readonly to: string },
  at: Coordinates,
  found: Correlation,
  elapsedMs: number,
): string {
  const { to, hint, gtid, transactionsMatched, confidence, ownTransactions } = found;
  return [
    formatCoordinates(to),
    `  on          ${servers.to}`,
    `  the same as ${formatCoordinates(at)} on ${servers.from}`,
    hint === null ? `  GTID        ${gtid ?? ''}` : `  hint        ${hint}`,
    `  compared    ${countOf(transactionsMatched, 'transaction')} in ${formatDuration(elapsedMs)}`,
    `  confidence  ${confidence}`,
    ...ownText(servers.from, ownTransactions.from),
    ...ownText(servers.to, ownTransactions.to),
  ].join('\n');
}

function ownText(server: string, { count, first }: OwnTransactions): string[] {
  const [oldest] = first;
  if (oldest === undefined) return [];
  return [`  warning     only ${server} has ${count}, the first at ${nameOfTransaction(oldest)}`];
}
