import type { Command } from 'commander';
import { testConditions } from '../../check/conditions.js';
import { subjectOf } from '../../check/subject.js';
import { makeTables } from '../../check/own-tables.js';
import { loadConfigs, oneOfStreams } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { exitCodes } from '../../util/errors.js';
import { cascadeFindings, generatedColumnFindings, readUnlogged } from '../../check/unlogged.js';
import { checkHints } from '../../check/hints.js';
import { renderReport } from '../render/check.js';
import { checkedCheckpoint, checkedServer, type CheckReport, runOf } from '../../check/report.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withConfigOption } from '../options.js';

type CheckOptions = CommonOptions & { readonly config: string; readonly fix?: true };

/** For whatever has to answer, each. */
const limitMs = 10_000;

/** `waymark check`: everything wrong with servers, grants, settings, hints, checkpoint and sink, at once. */
export function addCheckCommand(program: Command, start: Start): void {
  withConfigOption(
    program
      .command('check')
      .description(
        'List everything that is wrong with servers, grants, settings, hints, checkpoint and sink.',
      ),
  )
    .option('--fix', "create waymark's own tables where they are missing (checkpoint and election in MySQL)")
    .addHelpText(
      'after',
      `
It only reads, unless --fix is given. Exit code 0: no errors (warnings may be there); 1: errors; 2: the config file is wrong.
"waymark run" tests the same before it starts; "run" says what it does about a finding: refuses, waits or goes-on.
JSON: {ok, run, findings: [{server, severity, code, message, fix, run}], notes, servers: [{server, vendor, version, role, lastHint, …}], checkpoint, created}

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
  const subject = await subjectOf(config, { signal, limitMs });
  const { account } = subject;
  const made =
    fix && account !== null ? await makeTables(config, account, subject) : { created: [], findings: [] };
  const [unmet, reports, checkpoint] = await Promise.all([
    testConditions(subject),
    subject.servers(),
    subject.checkpoint(),
  ]);
  const instances = await subject.members();
  const members = reports.flatMap((report, index) => {
    const instance = instances[index];
    return instance === undefined ? [] : [{ report, instance }];
  });
  const [hints, seen] = await Promise.all([
    Promise.all(
      members.map(({ instance, report }) =>
        checkHints(instance, report, { format: config.hints, anchors: config.anchors, signal }),
      ),
    ),
    Promise.all(members.map(({ instance, report }) => readUnlogged(instance, report, signal))),
  ]);
  const cascades = cascadeFindings(seen, config.filter);
  const all = [
    ...made.findings,
    ...unmet,
    ...hints.flatMap((hint) => hint.findings),
    ...cascades.findings,
    ...generatedColumnFindings(seen, config.filter, config.rowImage),
  ];
  // What kept a table from being made is found once more where the table is looked for.
  const findings = all.filter(
    ({ message }, index) => all.findIndex((other) => other.message === message) === index,
  );
  return {
    ok: findings.every(({ severity }) => severity !== 'error'),
    run: runOf(findings),
    findings,
    servers: reports.map((report, index) => checkedServer(report, hints[index]?.lastHint ?? null)),
    checkpoint: checkedCheckpoint(checkpoint),
    notes: cascades.notes,
    created: made.created,
  };
}
