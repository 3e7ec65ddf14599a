import type { Command } from 'commander';
import { formatAddress } from '../../config/address.js';
import { lastHint } from '../../matching/locate.js';
import { exitCodes, WaymarkError } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { namingGrants } from '../../preflight/named-grants.js';
import { type ServerOptions, withServerOptions } from '../options.js';
import { showScanProgress } from '../scan-progress.js';
import { readTarget } from '../target.js';

/** `waymark last-hint`: the newest hint in a server's binary logs. */
export function addLastHintCommand(program: Command, start: Start): void {
  withServerOptions(
    program.command('last-hint').description("Show the newest hint in a server's binary logs."),
  )
    .addHelpText(
      'after',
      `
JSON: {server, hint, file, position}
Exit code 3: there is no hint at all.

Example:
  waymark last-hint --server db2:3306`,
    )
    .action(start(showLastHint));
}

async function showLastHint(
  context: CommandContext,
  options: CommonOptions & ServerOptions,
): Promise<number> {
  const { instance, format, logLevel } = await readTarget(context, options);
  const { signal } = context;
  const server = formatAddress(instance.address);
  const { onProgress, end } = showScanProgress(context, context.createLogger(logLevel), server);
  const found = await namingGrants(instance, signal, () =>
    lastHint({ instance, format, signal, onProgress }),
  ).finally(end);
  if (found === null) {
    throw new WaymarkError(
      'not-found',
      `${server} has no hint in its binary logs. Are hints injected (waymark inject), and in this form: ` +
        `drop view if exists \`${format.schema}\`.\`${format.prefix}…\`?`,
      { details: { server } },
    );
  }
  const { hint, file, position } = found;
  await context.output.result(
    { server, hint: hint.token, file, position },
    `${hint.token}\n  server  ${server}\n  at      ${file}:${String(position)}`,
  );
  return exitCodes.done;
}
