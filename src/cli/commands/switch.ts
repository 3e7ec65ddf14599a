import type { Command } from 'commander';
import { z } from 'zod';
import { type Address, formatAddress, parseAddress } from '../../config/address.js';
import { loadConfig } from '../../config/load.js';
import { exitCodes, WaymarkError } from '../../util/errors.js';
import { tokenHeaders } from '../../http/token.js';
import { askAgent, errorOf, listenerOf, parseJson } from '../agent-client.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { readWith, withConfigOption, withRequiredOption } from '../options.js';
import { countOf, formatDuration } from '../../util/quantities.js';

type SwitchOptions = CommonOptions & { readonly config: string; readonly to: Address };

/** The agent gives a switch up before. */
const limitMs = 70_000;

/** `waymark switch`: a planned move of a running agent. */
export function addSwitchCommand(program: Command, start: Start): void {
  withRequiredOption(
    withConfigOption(
      program.command('switch').description('Make the running agent read from another server.'),
    ),
    '--to <HOST:PORT>',
    'the server to move to, a member of the pool',
    readWith(parseAddress),
  )
    .addHelpText(
      'after',
      `
The agent delivers what it has read, finds the same place on the other server, proves it as after a failure, and goes
on from there; if anything is in the way it stays where it is, and says what. It is asked at the config file's
"http.listen", with its "http.token".

JSON: {from, to, hint, confidence, skipped, blackoutMs, coordinates}
Exit code 1: refused, with the reasons; or no agent answers.

Example:
  waymark switch -c waymark.yaml --to db2:3306`,
    )
    .action(start(switchServers));
}

const reportSchema = z.looseObject({
  from: z.string(),
  to: z.string(),
  hint: z.string().nullable(),
  confidence: z.string().nullable(),
  skipped: z.number(),
  blackoutMs: z.number(),
  coordinates: z.string(),
});

async function switchServers(context: CommandContext, options: SwitchOptions): Promise<number> {
  const config = await loadConfig(options.config, context.environment, {}, options.stream);
  const listen = listenerOf(config);
  const token = config.http?.token;
  if (token === undefined) {
    throw new WaymarkError(
      'config',
      `${options.config}: http.token is missing: the agent takes orders only with a token. ` +
        'Set it, for example to ${WAYMARK_TOKEN}, and start the agent again',
    );
  }
  const question = {
    method: 'POST',
    path: '/switch',
    headers: { ...tokenHeaders(token), 'content-type': 'application/json' },
    body: JSON.stringify({ stream: config.stream, to: formatAddress(options.to) }),
    limitMs,
  } as const;
  const answer = await askAgent(listen, question, context.signal);
  const report = answer.code === 200 ? reportSchema.safeParse(parseJson(answer.body)) : null;
  if (report?.success !== true) throw errorOf(listen, answer);
  await context.output.result(report.data, renderReport(report.data));
  return exitCodes.done;
}

function renderReport(report: z.output<typeof reportSchema>): string {
  return [
    `The stream goes on from ${report.to}`,
    `  before      ${report.from}`,
    `  at          ${report.coordinates}`,
    `  hint        ${report.hint ?? 'none'}`,
    `  confidence  ${report.confidence ?? 'unverified'}`,
    `  skipped     ${countOf(report.skipped, 'transaction')} that had been delivered already`,
    `  blackout    ${formatDuration(report.blackoutMs)}`,
  ].join('\n');
}
