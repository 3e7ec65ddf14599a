import type { Command } from 'commander';
import { formatAddress } from '../../config/address.js';
import { parseHint } from '../../hints/hint.js';
import { locateHint } from '../../matching/locate.js';
import { exitCodes } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { namingGrants } from '../../preflight/named-grants.js';
import { type ServerOptions, withRequiredOption, withServerOptions } from '../options.js';
import { showScanProgress } from '../scan-progress.js';
import { readTarget } from '../target.js';
import { countOf, formatBytes, formatDuration } from '../../util/quantities.js';

type FindOptions = CommonOptions & ServerOptions & { readonly hint: string };

/** `waymark find`: where a hint stands in a server's binary logs. */
export function addFindCommand(program: Command, start: Start): void {
  const command = program.command('find').description("Find a hint in a server's binary logs.");
  withRequiredOption(
    withServerOptions(command),
    '--hint <TEXT>',
    'the hint, with or without "asc:", or its whole statement',
  )
    .addHelpText(
      'after',
      `
JSON: {server, hint, file, position, endPosition, filesProbed, bytesScanned, elapsedMs}
Exit codes: 3 the hint isn't there, 5 the server hasn't got so far yet, 6 its logs of that time are gone.

Example:
  waymark find --server db2:3306 --hint 56373F17:00000000012B1C8B:50EC77A1`,
    )
    .action(start(find));
}

async function find(context: CommandContext, options: FindOptions): Promise<number> {
  const { instance, format, logLevel } = await readTarget(context, options);
  const { signal } = context;
  const hint = parseHint(options.hint, format);
  const server = formatAddress(instance.address);
  const { onProgress, end } = showScanProgress(context, context.createLogger(logLevel), server);
  const startedAt = performance.now();
  const found = await namingGrants(instance, signal, () =>
    locateHint([hint], { instance, format, signal, onProgress }),
  ).finally(end);
  const elapsedMs = Math.round(performance.now() - startedAt);
  const { file, position, endPosition, filesProbed, bytesScanned } = found;
  await context.output.result(
    {
      server,
      hint: found.hint.token,
      file,
      position,
      endPosition,
      filesProbed,
      bytesScanned,
      elapsedMs,
    },
    [
      `${file}:${String(position)}`,
      `  hint    ${found.hint.token}`,
      `  server  ${server}`,
      `  behind  ${file}:${String(endPosition)}`,
      `  read    ${formatBytes(bytesScanned)} of ${countOf(filesProbed, 'file')} in ${formatDuration(elapsedMs)}`,
    ].join('\n'),
  );
  return exitCodes.done;
}
