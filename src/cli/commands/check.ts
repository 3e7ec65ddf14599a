import type { Command } from 'commander';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { readAccount } from '../../mysql/account.js';
import { poolFindings } from '../../mysql/pool-findings.js';
import { preflightErrors } from '../../mysql/preflight.js';
import { exitCodes } from '../../util/errors.js';
import type { CheckFinding, CheckReport } from '../check/findings.js';
import { checkPlace } from '../check/place-check.js';
import { renderReport } from '../check/render.js';
import { checkServer } from '../check/server-check.js';
import { checkCheckpoint, checkSink } from '../check/storage-check.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withConfigOption } from '../options.js';

type CheckOptions = CommonOptions & { readonly config: string };

/** `waymark check`: everything wrong with servers, grants, settings, hints, checkpoint and sink, at once. */
export function addCheckCommand(program: Command, start: Start): void {
  withConfigOption(
    program
      .command('check')
      .description(
        'List everything that is wrong with servers, grants, settings, hints, checkpoint and sink.',
      ),
  )
    .addHelpText(
      'after',
      `
It only reads. Exit code 0: no errors (warnings may be there); 1: errors; 2: the config file is wrong.
JSON: {ok, findings: [{server, severity, code, message, fix}], servers: [{server, vendor, version, role, lastHint, …}], checkpoint}

Example:
  waymark check -c waymark.yaml`,
    )
    .action(start(check));
}

async function check(context: CommandContext, options: CheckOptions): Promise<number> {
  const config = await loadConfig(options.config, context.environment, { 'log.level': options.logLevel });
  const report = await examine(config, context.signal);
  await context.output.result(report, renderReport(report));
  return report.ok ? exitCodes.done : exitCodes.failed;
}

async function examine(config: Config, signal: AbortSignal): Promise<CheckReport> {
  const account = await readAccount(config);
  const [servers, checkpoint, sink] = await Promise.all([
    Promise.all(
      config.servers.map(({ address }) =>
        checkServer({ address, account }, { format: config.hints, tables: config.filter, signal }),
      ),
    ),
    checkCheckpoint(config, account, signal),
    checkSink(config.sink),
  ]);
  const pool: CheckFinding[] = poolFindings(
    servers.map(({ report }) => report),
    config.serverId,
  );
  const findings = [
    ...servers.flatMap((server) => server.findings),
    ...pool,
    ...poolSizeFindings(config),
    ...checkpoint.findings,
    ...checkPlace(config, servers, checkpoint),
    ...sink,
  ];
  return {
    ok: preflightErrors(findings).length === 0,
    findings,
    servers: servers.map(({ summary }) => summary),
    checkpoint: checkpoint.summary,
  };
}

function poolSizeFindings({ servers }: Config): CheckFinding[] {
  if (servers.length > 1) return [];
  const message = 'There is one server in the pool: when it dies, there is none to go on with';
  const fix = 'Add a replica to "servers"';
  return [{ server: null, severity: 'warning', code: 'single-server', message, fix }];
}
