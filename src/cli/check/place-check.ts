import { type Coordinates, formatCoordinates } from '../../binlog/coordinates.js';
import { formatAddress } from '../../config/address.js';
import type { Config } from '../../config/schema.js';
import type { BinaryLog } from '../../mysql/server.js';
import type { CheckFinding } from './findings.js';
import type { ServerCheck } from './server-check.js';
import type { CheckpointCheck } from './storage-check.js';

/**
 * Whether the place where the agent would begin is there: the checkpoint's on its server, or without a checkpoint the
 * configured start on the first server. Pure.
 */
export function checkPlace(
  config: Config,
  servers: readonly ServerCheck[],
  { stored, read }: CheckpointCheck,
): CheckFinding[] {
  if (stored !== null) {
    const { server, coordinates } = stored.checkpoint;
    return checkStored(formatAddress(server), coordinates, servers);
  }
  const [first] = servers;
  if (!read || config.start.at !== 'coordinates' || first === undefined) return [];
  const { file, position } = config.start;
  const problem = misplaced({ file, position }, first.logs);
  if (problem === null) return [];
  return [
    {
      server: first.summary.server,
      severity: 'error',
      code: 'coordinates',
      message: `${first.summary.server} has nothing to start from at ${formatCoordinates({ file, position })}: ${problem}`,
      fix: 'Correct "start" in the config file: {file:, position:} are those of the first server in the list',
    },
  ];
}

function checkStored(
  server: string,
  coordinates: Coordinates,
  servers: readonly ServerCheck[],
): CheckFinding[] {
  const member = servers.find(({ summary }) => summary.server === server);
  const warn = (code: 'checkpoint-server' | 'coordinates', message: string): CheckFinding => ({
    server: member?.summary.server ?? null,
    severity: 'warning',
    code,
    message,
    fix: 'Nothing, if a member has the hints of the checkpoint: the agent goes on from those',
  });
  if (member === undefined) {
    return [warn('checkpoint-server', `The checkpoint's server ${server} is no member of the pool`)];
  }
  const problem = misplaced(coordinates, member.logs);
  if (problem === null) return [];
  const place = formatCoordinates(coordinates);
  return [
    warn('coordinates', `The checkpoint stands at ${place} on ${server}, which is not there: ${problem}`),
  ];
}

/** Why coordinates can't be in a server's logs; null when they can, or the logs aren't known. */
function misplaced({ file, position }: Coordinates, logs: readonly BinaryLog[] | null): string | null {
  if (logs === null) return null;
  const log = logs.find((candidate) => candidate.file === file);
  const all = `it has ${logs.at(0)?.file ?? 'none'} to ${logs.at(-1)?.file ?? 'none'}`;
  if (log === undefined) return `the server has no such log; ${all}`;
  if (position > log.sizeBytes) return `the file ends at ${String(log.sizeBytes)}`;
  return null;
}
