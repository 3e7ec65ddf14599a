import type { Command } from 'commander';
import { z } from 'zod';
import type { StoredCheckpoint } from '../../checkpoint/checkpoint.js';
import { formatCoordinates } from '../../binlog/coordinates.js';
import { type Address, formatAddress } from '../../config/address.js';
import { loadConfigs, oneOfStreams } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { readAccount } from '../../mysql/account.js';
import { exitCodes, hasCode, WaymarkError } from '../../util/errors.js';
import { tokenHeaders } from '../../http/token.js';
import { askAgent, errorOf, listenerOf, parseJson } from '../agent-client.js';
import { readStored } from '../../check/stored-checkpoint.js';
import type { CommandContext, CommonOptions, Start } from '../context.js';
import { withConfigOption } from '../options.js';
import { formatSeconds } from '../../util/quantities.js';

type StatusOptions = CommonOptions & { readonly config: string };

/** An agent that lives has its status at hand. */
const limitMs = 5000;

/** `waymark status`: what the running agent says of itself, or its checkpoint where none runs. */
export function addStatusCommand(program: Command, start: Start): void {
  withConfigOption(
    program
      .command('status')
      .description('Show the state of the running agent: server, hint, lag, members, switches.'),
  )
    .addHelpText(
      'after',
      `
The agent is asked at the config file's "http.listen". Where none answers, what its checkpoint says is shown.
Exit code 0: an agent runs and is healthy; 1: it isn't healthy, or none answers.
JSON: as GET /status; where no agent answers: {stream, healthy: false, unhealthyBecause, checkpoint}

Example:
  waymark status -c waymark.yaml`,
    )
    .action(start(showStatus));
}

const statusSchema = z.looseObject({ stream: z.string(), healthy: z.boolean() });
const agentSchema = z.looseObject({ healthy: z.boolean(), streams: z.array(statusSchema) });

async function showStatus(context: CommandContext, options: StatusOptions): Promise<number> {
  const configs = await loadConfigs(options.config, context.environment);
  const several = configs.length > 1;
  if (several && options.stream === undefined) return showAgent(configs[0], context);
  const config = oneOfStreams(configs, options.config, options.stream);
  try {
    const path = several ? (`/status?stream=${encodeURIComponent(config.stream)}` as const) : '/status';
    const { status, text } = await askStatus(config, path, statusSchema, context);
    if (status.stream !== config.stream) throw otherStream(listenerOf(config), config.stream, status.stream);
    await context.output.result(status, text);
    return status.healthy ? exitCodes.done : exitCodes.failed;
  } catch (error) {
    if (!hasCode(error, 'agent-unreachable')) throw error;
    const stored = await storedPlace(config, context.signal);
    const status = {
      stream: config.stream,
      healthy: false,
      unhealthyBecause: error.message,
      checkpoint: stored,
    };
    await context.output.result(status, renderStored(config.stream, error.message, stored));
    return exitCodes.failed;
  }
}

/** All streams of an agent that has several. */
async function showAgent(config: Config, context: CommandContext): Promise<number> {
  const { status, text } = await askStatus(config, '/status', agentSchema, context);
  await context.output.result(status, text);
  return status.healthy ? exitCodes.done : exitCodes.failed;
}

/** The agent's status, and for people its text: the agent itself knows best how to tell it. */
async function askStatus<T>(
  config: Config,
  path: string,
  schema: z.ZodType<T>,
  { output, signal }: CommandContext,
): Promise<{ readonly status: T; readonly text: string }> {
  const listen = listenerOf(config);
  const shown = tokenHeaders(config.http?.token);
  const answer = await askAgent(listen, { method: 'GET', path, headers: shown, limitMs }, signal);
  const parsed = schema.safeParse(answer.code === 200 ? parseJson(answer.body) : undefined);
  if (!parsed.success) throw errorOf(listen, answer);
  if (output.json) return { status: parsed.data, text: '' };
  const headers = { ...shown, accept: 'text/plain' };
  const { body } = await askAgent(listen, { method: 'GET', path, headers, limitMs }, signal);
  return { status: parsed.data, text: body.trimEnd() };
}

function otherStream(listen: Address, expected: string, found: string): WaymarkError {
  return new WaymarkError(
    'agent-unreachable',
    `No agent of the stream "${expected}" answers at ${formatAddress(listen)}: the one there has the stream "${found}"`,
  );
}

/** What the checkpoint says: null fields where there is none. */
type StoredPlace = {
  readonly location: string;
  /** Why it can't be read; null when it can. */
  readonly problem: string | null;
  readonly place: {
    readonly server: string;
    readonly coordinates: string;
    readonly hint: string | null;
    readonly sequence: number;
    readonly savedAt: string;
    readonly ageSeconds: number;
  } | null;
};

async function storedPlace(config: Config, signal: AbortSignal): Promise<StoredPlace> {
  const account = await readAccount(config);
  const { location, findings, stored, read } = await readStored(config, account, { signal, limitMs });
  return {
    location,
    problem: read ? null : findings.map(({ message }) => message).join('; '),
    place: stored && placeOf(stored),
  };
}

function placeOf({ checkpoint }: StoredCheckpoint): StoredPlace['place'] {
  const { server, coordinates, trail, sequence, savedAt } = checkpoint;
  const newest = trail.entries.findLast((entry) => entry.kind === 'hint');
  return {
    server: formatAddress(server),
    coordinates: formatCoordinates(coordinates),
    hint: newest?.kind === 'hint' ? newest.hint.token : null,
    sequence,
    savedAt: new Date(savedAt).toISOString(),
    ageSeconds: Math.max(0, Math.round((Date.now() - savedAt) / 1000)),
  };
}

function renderStored(stream: string, reason: string, { location, problem, place }: StoredPlace): string {
  const lines = [`${stream}: ✗ ${reason}`, ''];
  if (problem !== null) lines.push(`The checkpoint ${location} can't be read: ${problem}`);
  else if (place === null) lines.push(`There is no checkpoint yet (${location}).`);
  else {
    lines.push(
      `Not from the agent, but from the checkpoint (${location}), saved ${formatSeconds(place.ageSeconds)} ago (${place.savedAt}):`,
      `  server  ${place.server}`,
      `  at      ${place.coordinates}`,
      `  hint    ${place.hint ?? 'none'}, ${place.sequence} transactions since`,
    );
  }
  return lines.join('\n');
}
