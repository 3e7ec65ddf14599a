import { type Command, Option } from 'commander';
import type { Address } from '../../config/address.js';
import { formatAddress } from '../../config/address.js';
import { type Force, forces } from '../../repoint/refusal.js';
import { repoint } from '../../repoint/repoint.js';
import { exitCodes } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withAccountOptions, withServerOption } from '../options.js';
import { showScanProgress } from '../scan-progress.js';
import { renderRepoint, repointDocument } from '../render/repoint.js';
import { readTarget } from '../target.js';

type RepointCommandOptions = CommonOptions & {
  readonly replica: Address;
  readonly below: Address;
  readonly execute?: true;
  readonly force?: readonly Force[];
};

/** `waymark repoint`: moves a replica below another server. */
export function addRepointCommand(program: Command, start: Start): void {
  const command = program.command('repoint').description('Move a replica below another server.');
  withServerOption(command, '--replica', 'the server to move');
  withServerOption(command, '--below', 'the new source, by an address that the replica can reach');
  withForce(withAccountOptions(command))
    .option('--execute', 'carry out the plan (default: only print it)')
    .addHelpText(
      'after',
      `
On any failure, and on Ctrl-C, the replica is put back where it was. After kill -9 run the same command again.

JSON: {state: planned|moved|in-place, replica, below, from: {source, file, position, …}, to: {server, file, position, …},
  hint, transactionsMatched, confidence, statements, notes, newHint, elapsedMs}
Exit codes: 1 refused or failed, 3 no hint in common, 4 the contents differ, 5 the replica is ahead of the other server,
  6 the other server's logs of that time are gone.

Example:
  waymark repoint --replica db3:3306 --below db2:3306 --execute`,
    )
    .action(start(run));
}

/** Adds what insists on a move that would be refused. */
export function withForce(command: Command): Command {
  return command.addOption(
    new Option(
      '--force <WHAT...>',
      'move it even if the other server logs rows and the replica statements (format), if it is newer (version), or ' +
        "if the contents can't be compared (unverified)",
    ).choices(forces),
  );
}

async function run(context: CommandContext, options: RepointCommandOptions): Promise<number> {
  const { instance, format, logLevel } = await readTarget(context, { ...options, server: options.replica });
  const logger = context.createLogger(logLevel);
  const replica = formatAddress(instance.address);
  const below = { address: options.below, account: instance.account };
  const { onProgress, end } = showScanProgress(context, logger, replica);
  const result = await repoint({
    replica: instance,
    below,
    execute: options.execute === true,
    forced: new Set(options.force),
    awaitHint: true,
    format,
    signal: context.signal,
    onProgress,
    onStep: (step) => {
      end();
      logger.info({ event: 'repoint.step', replica }, step);
    },
  }).finally(end);
  await context.output.result(repointDocument(result), renderRepoint(result));
  return exitCodes.done;
}
