import type { Command } from 'commander';
import { formatAddress } from '../../config/address.js';
import { loadConfig } from '../../config/load.js';
import { readTopology, reportTopology } from '../../topology/report.js';
import { exitCodes } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { type ServerOptions, withServerOptions } from '../options.js';
import { readTarget } from '../target.js';
import { renderTopology } from '../render/topology.js';

/** `waymark topology`: who replicates from whom, and how each of them is. */
export function addTopologyCommand(program: Command, start: Start): void {
  withServerOptions(
    program
      .command('topology')
      .description('Show the servers around one as a tree: which replicates from which, and their state.'),
  )
    .addHelpText(
      'after',
      `
It only reads. Servers are found upwards by what replicas say of their source, downwards by what sources say of their
replicas (report_host), else by who reads the log. With -c FILE the pool's servers are asked as well.
JSON: {roots, servers: [{server, state, version, replicatesFrom: […], replicas: […], hint, hintAgeSeconds, …}]}

Example:
  waymark topology --server db1:3306`,
    )
    .action(start(showTopology));
}

async function showTopology(
  context: CommandContext,
  options: CommonOptions & ServerOptions,
): Promise<number> {
  const { instance, format, logLevel } = await readTarget(context, options);
  const { account, address } = instance;
  context.createLogger(logLevel);
  const { environment, signal } = context;
  const pool = options.config === undefined ? [] : (await loadConfig(options.config, environment)).servers;
  const starts = [address, ...pool.map((server) => server.address)];
  const kinds = new Map(
    pool.flatMap((server) => (server.kind ? [[formatAddress(server.address), server.kind] as const] : [])),
  );
  const topology = await readTopology(starts, { account, kinds, signal });
  const report = await reportTopology(topology, { account, signal, format });
  await context.output.result(report, renderTopology(report));
  return exitCodes.done;
}
