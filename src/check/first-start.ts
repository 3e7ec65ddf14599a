import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { tableFilter } from '../config/table-filter.js';
import { beginAt, membersToBeginAt } from '../resume/configured-start.js';
import { poolOf } from '../pool/members.js';
import type { Account } from '../mysql/instance.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { PreflightReport } from '../preflight/preflight.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import { formatDuration } from '../util/quantities.js';
import { errorFinding, marked, passes } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { Subject } from './subject.js';

/**
 * Whether the place where the agent would begin is there: the checkpoint's on its server, or without a checkpoint the
 * configured start. What can't be looked at, because its server is away or refuses, is said of the server.
 */
export async function startFindings(subject: Subject): Promise<readonly CheckFinding[]> {
  const { account, config } = subject;
  if (account === null) return [];
  const [reports, { stored, read }] = await Promise.all([subject.servers(), subject.checkpoint()]);
  if (stored !== null) {
    const { server, coordinates } = stored.checkpoint;
    return storedFindings(subject, account, formatAddress(server), coordinates);
  }
  if (!read || config.start.at === 'latest' || config.start.at === 'earliest') return [];
  return beginningFindings(subject, account, reports);
}

/** By what `run` itself does to begin. */
async function beginningFindings(
  { config, signal, limitMs }: Subject,
  account: Account,
  reports: readonly PreflightReport[],
): Promise<CheckFinding[]> {
  const filter = tableFilter(config.filter);
  let first: CheckFinding | null = null;
  for (const member of membersToBeginAt(poolOf(config, account), config)) {
    const report = reports.find(({ server }) => server === member.name);
    if (report === undefined || report.findings.some(({ severity }) => severity === 'error')) continue;
    try {
      await within(limitMs, [signal], (limit) => beginAt(member, config, filter, limit));
      return [];
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TimeOver) return [notRead(member.name, config.start, limitMs)];
      if (!(error instanceof WaymarkError)) throw error;
      if (passes(error)) continue;
      const fix =
        config.start.at === 'hint'
          ? 'Start from another place, or check hints.schema and hints.prefix'
          : '{file:, position:} under "start" are those of the first server in the list';
      first ??= { ...errorFinding(error, error.code, error.message, fix), server: member.name };
    }
  }
  return first === null ? [] : [first];
}

function notRead(server: string, start: Config['start'], limitMs: number): CheckFinding {
  const code = start.at === 'hint' ? 'hint-search-too-long' : 'coordinates';
  const message = `${server} could not show within ${formatDuration(limitMs)} whether it has the place to start from`;
  const fix = 'Nothing: run looks again, without a time limit';
  return marked({ server, severity: 'warning', code, message, fix });
}

async function storedFindings(
  { config, signal, limitMs }: Subject,
  account: Account,
  server: string,
  coordinates: Coordinates,
): Promise<CheckFinding[]> {
  const warn = (code: 'checkpoint-server' | 'coordinates', message: string): CheckFinding =>
    marked({
      server: code === 'checkpoint-server' ? null : server,
      severity: 'warning',
      code,
      message,
      fix: 'Nothing, if a member has the hints of the checkpoint. Then the agent goes on there',
    });
  const member = poolOf(config, account).find(({ name }) => name === server);
  if (member === undefined) {
    return [warn('checkpoint-server', `The checkpoint's server ${server} is not a member of the pool`)];
  }
  try {
    const logs = await within(limitMs, [signal], (limit) => listBinaryLogs(member.instance, limit));
    const log = logs.find(({ file }) => file === coordinates.file);
    if (log !== undefined && coordinates.position <= log.sizeBytes) return [];
    const problem =
      log === undefined
        ? `the server has no such log; it has ${logs.at(0)?.file ?? 'none'} to ${logs.at(-1)?.file ?? 'none'}`
        : `the file ends at ${String(log.sizeBytes)}`;
    const place = formatCoordinates(coordinates);
    return [warn('coordinates', `The checkpoint's place ${place} on ${server} does not exist: ${problem}`)];
  } catch (error) {
    signal.throwIfAborted();
    // What keeps it from showing its logs is said of the server.
    if (error instanceof TimeOver || error instanceof WaymarkError) return [];
    throw error;
  }
}
