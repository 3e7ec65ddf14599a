import type { Command } from 'commander';
import { formatAddress } from '../../config/address.js';
import { type Hint, type HintFormat, parseHint } from '../../hints/hint.js';
import type { HintScanOptions } from '../../matching/hint-scan.js';
import { locateHint, type LocateResult } from '../../matching/locate.js';
import { locateGtid } from '../../matching/locate-gtid.js';
import { endOfTransaction } from '../../matching/gtid-scan.js';
import { isGtid } from '../../config/gtid.js';
import { exitCodes, WaymarkError } from '../../util/errors.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { namingGrants } from '../../preflight/named-grants.js';
import { type ServerOptions, withServerOptions } from '../options.js';
import { showScanProgress } from '../scan-progress.js';
import { readTarget } from '../target.js';
import { countOf, formatBytes, formatDuration } from '../../util/quantities.js';

type FindOptions = CommonOptions & ServerOptions & { readonly hint?: string; readonly gtid?: string };

/** `waymark find`: where a hint, or the transaction with a GTID, is in a server's binary logs. */
export function addFindCommand(program: Command, start: Start): void {
  const command = program.command('find').description("Find a hint or a GTID in a server's binary logs.");
  withServerOptions(command)
    .option('--hint <TEXT>', 'the hint, with or without "asc:", or its whole statement')
    .option('--gtid <GTID>', 'the GTID: UUID:NUMBER (MySQL) or DOMAIN-SERVER-NUMBER (MariaDB)')
    .addHelpText(
      'after',
      `
JSON: {server, hint, gtid, file, position, endPosition, filesProbed, bytesScanned, elapsedMs}
Exit codes: 3 it isn't there, 5 the server hasn't got so far yet, 6 its logs of that time are gone.

Example:
  waymark find --server db2:3306 --hint 56373F17:00000000012B1C8B:50EC77A1
  waymark find --server db2:3306 --gtid 0-1-8154`,
    )
    .action(start(find));
}

async function find(context: CommandContext, options: FindOptions): Promise<number> {
  requireOne(options);
  const { instance, format, logLevel } = await readTarget(context, options);
  const { signal } = context;
  const wanted = wantedOf(options, format);
  const server = formatAddress(instance.address);
  const { onProgress, end } = showScanProgress(context, context.createLogger(logLevel), server);
  const startedAt = performance.now();
  const found = await namingGrants(instance, signal, () =>
    locate(wanted, { instance, format, signal, onProgress }),
  ).finally(end);
  const elapsedMs = Math.round(performance.now() - startedAt);
  const { file, position, endPosition, filesProbed, bytesScanned } = found;
  await context.output.result(
    {
      server,
      hint: found.hint,
      gtid: found.gtid,
      file,
      position,
      endPosition,
      filesProbed,
      bytesScanned,
      elapsedMs,
    },
    [
      `${file}:${String(position)}`,
      found.hint === null ? `  GTID    ${found.gtid ?? ''}` : `  hint    ${found.hint}`,
      `  server  ${server}`,
      `  behind  ${file}:${String(endPosition)}`,
      `  read    ${formatBytes(bytesScanned)} of ${countOf(filesProbed, 'file')} in ${formatDuration(elapsedMs)}`,
    ].join('\n'),
  );
  return exitCodes.done;
}

/** What is looked for. */
type Wanted = { readonly by: 'hint'; readonly hint: Hint } | { readonly by: 'gtid'; readonly gtid: string };

/** @throws WaymarkError `usage` if both or neither are given. */
function requireOne({ hint, gtid }: FindOptions): void {
  if ((hint === undefined) !== (gtid === undefined)) return;
  throw new WaymarkError(
    'usage',
    hint === undefined
      ? 'find needs the option --hint <TEXT> or --gtid <GTID>'
      : '--hint and --gtid exclude each other',
  );
}

/** @throws WaymarkError `usage` if it is neither a hint nor a GTID. */
function wantedOf({ hint, gtid }: FindOptions, format: HintFormat): Wanted {
  if (hint !== undefined) return { by: 'hint', hint: parseHint(hint, format) };
  if (isGtid(gtid ?? '')) return { by: 'gtid', gtid: (gtid ?? '').toLowerCase() };
  throw new WaymarkError(
    'usage',
    `"${gtid ?? ''}" is not a GTID. Give one: UUID:NUMBER on MySQL, DOMAIN-SERVER-NUMBER on MariaDB`,
  );
}

/** The place of what is looked for. */
type Found = Pick<LocateResult, 'file' | 'position' | 'endPosition' | 'filesProbed' | 'bytesScanned'> & {
  readonly hint: string | null;
  readonly gtid: string | null;
};

async function locate(wanted: Wanted, options: HintScanOptions): Promise<Found> {
  if (wanted.by === 'hint') {
    const { hint, ...place } = await locateHint([wanted.hint], options);
    return { ...place, hint: hint.token, gtid: null };
  }
  const { gtid, ...place } = await locateGtid([wanted.gtid], options);
  const { file, position } = place;
  const endPosition = await endOfTransaction({ file, position }, options);
  return { ...place, endPosition, hint: null, gtid };
}
