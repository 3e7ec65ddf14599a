import type { Command } from 'commander';
import { loadConfigs, oneOfStreams } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { readAccount } from '../../mysql/account.js';
import { poolFindings } from '../../mysql/pool-findings.js';
import { preflightErrors } from '../../mysql/preflight.js';
import { exitCodes } from '../../util/errors.js';
import { cascadeFindings, readCascades } from '../check/cascade-check.js';
import type { CheckFinding, CheckReport } from '../check/findings.js';
import { checkPlace } from '../check/place-check.js';
import { renderReport } from '../check/render.js';
import { checkServer } from '../check/server-check.js';
import { checkElection } from '../check/election-check.js';
import { checkCheckpoint, checkSink } from '../check/storage-check.js';
import { checkTables } from '../check/table-check.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withConfigOption } from '../options.js';

type CheckOptions = CommonOptions & { readonly config: string; readonly fix?: true };

/** `waymark check`: everything wrong with servers, grants, settings, hints, checkpoint and sink, at once. */
export function addCheckCommand(program: Command, start: Start): void {
  withConfigOption(
    program
      .command('check')
      .description(
        'List everything that is wrong with servers, grants, settings, hints, checkpoint and sink.',
      ),
  )
    .option('--fix', 'make what is missing of our own tables (checkpoint and election in MySQL)')
    .addHelpText(
      'after',
      `
It only reads, unless --fix is given. Exit code 0: no errors (warnings may be there); 1: errors; 2: the config file is wrong.
JSON: {ok, findings: [{server, severity, code, message, fix}], notes, servers: [{server, vendor, version, role, lastHint, …}], checkpoint, created}

Example:
  waymark check -c waymark.yaml`,
    )
    .action(start(check));
}

async function check(context: CommandContext, options: CheckOptions): Promise<number> {
  const all = await loadConfigs(options.config, context.environment);
  const configs = options.stream === undefined ? all : [oneOfStreams(all, options.config, options.stream)];
  const reports: CheckReport[] = [];
  for (const config of configs) reports.push(await examine(config, options.fix ?? false, context.signal));
  const ok = reports.every((report) => report.ok);
  const [only, ...others] = reports;
  if (only !== undefined && others.length === 0) await context.output.result(only, renderReport(only));
  else {
    const streams = reports.map((report, index) => ({ stream: configs[index]?.stream ?? '', ...report }));
    const text = streams.map((report) => `stream ${report.stream}\n\n${renderReport(report)}`).join('\n\n');
    await context.output.result({ ok, streams }, text);
  }
  return ok ? exitCodes.done : exitCodes.failed;
}

async function examine(config: Config, fix: boolean, signal: AbortSignal): Promise<CheckReport> {
  const account = await readAccount(config);
  const tables = await checkTables(config, account, { fix, signal });
  const [servers, checkpoint, election, sink] = await Promise.all([
    Promise.all(
      config.servers.map(({ address, kind }) =>
        checkServer(
          { address, account, ...(kind === undefined ? {} : { kind }) },
          { format: config.hints, tables: config.filter, signal },
        ),
      ),
    ),
    checkCheckpoint(config, account, signal),
    checkElection(config, account, signal),
    checkSink(config.sink),
  ]);
  const pool: CheckFinding[] = poolFindings(
    servers.map(({ report }) => report),
    config.serverId,
  );
  const cascades = cascadeFindings(
    await Promise.all(
      config.servers.map(({ address, kind }, index) =>
        readCascades(
          { address, account, ...(kind === undefined ? {} : { kind }) },
          servers[index]?.report ?? { server: '', state: null, findings: [] },
          signal,
        ),
      ),
    ),
    config.filter,
  );
  const findings = [
    ...servers.flatMap((server) => server.findings),
    ...pool,
    ...cascades.findings,
    ...poolSizeFindings(config),
    ...tables.findings,
    // Without its tables nothing else can be said of what is kept in them.
    ...(tables.findings.length > 0 ? [] : [...checkpoint.findings, ...election]),
    ...checkPlace(config, servers, checkpoint),
    ...sink,
  ];
  return {
    ok: preflightErrors(findings).length === 0,
    findings,
    notes: cascades.notes,
    servers: servers.map(({ summary }) => summary),
    checkpoint: checkpoint.summary,
    created: tables.created,
  };
}

function poolSizeFindings({ servers }: Config): CheckFinding[] {
  if (servers.length > 1) return [];
  const message = 'There is one server in the pool: when it dies, there is none to go on with';
  const fix = 'Add a replica to "servers"';
  return [{ server: null, severity: 'warning', code: 'single-server', message, fix }];
}
