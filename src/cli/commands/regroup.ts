import type { Command } from 'commander';
import type { Address } from '../../config/address.js';
import { regroup } from '../../regroup/regroup.js';
import type { Force } from '../../repoint/refusal.js';
import { exitCodes, WaymarkError } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import {
  readAddress,
  readAddresses,
  withAccountOptions,
  withRequiredOption,
  withServerOption,
} from '../options.js';
import { regroupDocument, renderRegroup } from '../render/regroup.js';
import { readTarget } from '../target.js';
import { withForce } from './repoint.js';

type RegroupCommandOptions = CommonOptions & {
  readonly dead: Address;
  readonly replicas: readonly Address[];
  readonly promote?: Address;
  readonly below?: Address;
  readonly execute?: true;
  readonly force?: readonly Force[];
};

/** `waymark regroup`: the replicas of a dead server, put in order. */
export function addRegroupCommand(program: Command, start: Start): void {
  const command = program
    .command('regroup')
    .description(
      'Move the replicas of a dead server below the one that received the most, or below a living server.',
    );
  withServerOption(command, '--dead', 'the server that is dead');
  withRequiredOption(
    command,
    '--replicas <HOST:PORT,…>',
    'its replicas, as they know each other',
    readAddresses,
  );
  withForce(withAccountOptions(command))
    .option(
      '--promote <HOST:PORT>',
      'the replica below which the others go (default: the one that received the most)',
      readAddress,
    )
    .option('--below <HOST:PORT>', 'a living server: the source of a dead intermediate server', readAddress)
    .option('--execute', 'carry out the plan (default: only print it)')
    .addHelpText(
      'after',
      `
Replicas that are ahead, or whose contents differ, are left alone and listed as lost. Delayed ones go last.
Making the promoted one writable is left to you: the statements are printed.

JSON: {state: planned|done, dead, promoted, toPromote, below, replicas: [as of repoint], later, lost: [{replica, code, reason}]}
Exit codes: 0 all are in order, 1 some are lost, or refused.

Examples:
  waymark regroup --dead db1:3306 --replicas db2:3306,db3:3306,db4:3306 --execute
  waymark regroup --dead relay1:3306 --replicas db5:3306,db6:3306 --below db1:3306 --execute`,
    )
    .action(start(run));
}

async function run(context: CommandContext, options: RegroupCommandOptions): Promise<number> {
  const { dead, replicas, promote, below, execute, force } = options;
  if (promote !== undefined && below !== undefined) {
    throw new WaymarkError('usage', '--promote and --below are mutually exclusive');
  }
  const { instance, format, logLevel } = await readTarget(context, { ...options, server: dead });
  const logger = context.createLogger(logLevel);
  const at = (address: Address): typeof instance => ({ address, account: instance.account });
  const result = await regroup({
    dead: instance,
    replicas: replicas.map(at),
    promote: promote === undefined ? null : at(promote),
    below: below === undefined ? null : at(below),
    execute: execute === true,
    forced: new Set(force),
    format,
    signal: context.signal,
    onStep: (server, step) => {
      logger.info({ event: 'regroup.step', server }, step);
    },
  });
  await context.output.result(regroupDocument(result), renderRegroup(result));
  return result.entries.some(({ state }) => state === 'lost') ? exitCodes.failed : exitCodes.done;
}
