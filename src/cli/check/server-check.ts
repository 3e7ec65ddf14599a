import { formatAddress } from '../../config/address.js';
import type { FilterPatterns } from '../../config/table-filter.js';
import type { HintFormat } from '../../hints/hint.js';
import { hintSeconds } from '../../hints/next-hint.js';
import { lastHint } from '../../matching/locate.js';
import type { Instance } from '../../mysql/instance.js';
import { listBinaryLogs } from '../../mysql/log-list.js';
import { examineServer, type ServerReport } from '../../mysql/preflight.js';
import { isOfServer } from '../../mysql/server-error.js';
import { type BinaryLog, isBinlogServer } from '../../mysql/server.js';
import { WaymarkError } from '../../util/errors.js';
import type { CheckedServer, CheckFinding, LastHint } from './findings.js';

/** One server, checked: what preflight says, and its hints and logs. */
export type ServerCheck = {
  readonly report: ServerReport;
  readonly findings: readonly CheckFinding[];
  readonly summary: CheckedServer;
  /** Null when they could not be listed. */
  readonly logs: readonly BinaryLog[] | null;
};

export type ServerCheckOptions = {
  readonly format: HintFormat;
  readonly tables: FilterPatterns;
  readonly signal: AbortSignal;
};

/** For the settings. */
const askMs = 10_000;
/** For the newest hint: a log full of changes without any hint is read at some hundred MB/s. */
const searchMs = 20_000;
const oldHintSeconds = 60;

/**
 * Checks one server, each step within a time limit of its own.
 * @throws the signal's reason when it fires; nothing for what is wrong at the server.
 */
export async function checkServer(instance: Instance, options: ServerCheckOptions): Promise<ServerCheck> {
  const { signal, tables } = options;
  const server = formatAddress(instance.address);
  const report = await examineServer(instance, { signal, tables, timeoutMs: askMs });
  const { state } = report;
  const mayLook = state?.facts.binaryLogging === true && !report.findings.some(isMissingGrant);
  const logs = mayLook ? await listLogs(instance, signal) : null;
  const hints = mayLook ? await checkHints(instance, state.clockOffsetMs ?? 0, options) : null;
  return {
    report,
    logs,
    findings: [...report.findings, ...(hints?.findings ?? [])],
    summary: {
      server,
      vendor: state?.facts.version.vendor ?? null,
      version: state?.facts.version.text ?? null,
      role: roleOf(report),
      replicatesFrom: (state?.channels ?? []).map((channel) => formatSource(channel)),
      serverId: state?.facts.serverId ?? null,
      uuid: state?.facts.uuid ?? null,
      lastHint: hints?.lastHint ?? null,
    },
  };
}

function isMissingGrant({ code, severity }: CheckFinding): boolean {
  return code === 'missing-grant' && severity === 'error';
}

function roleOf({ state }: ServerReport): CheckedServer['role'] {
  const channels = state?.channels ?? null;
  if (state !== null && isBinlogServer(state.facts)) return 'binlog-server';
  if (channels === null) return null;
  return channels.length === 0 ? 'source' : 'replica';
}

function formatSource({ sourceHost, sourcePort }: { sourceHost: string; sourcePort: number }): string {
  return formatAddress({ host: sourceHost, port: sourcePort });
}

async function checkHints(
  instance: Instance,
  clockOffsetMs: number,
  { format, signal }: ServerCheckOptions,
): Promise<{ findings: CheckFinding[]; lastHint: LastHint | null }> {
  const server = formatAddress(instance.address);
  const timeout = AbortSignal.timeout(searchMs);
  const inject = `Inject hints on the source: waymark inject --server SOURCE --every 5s`;
  const warn = (code: 'no-hint' | 'old-hint' | 'hint-search-too-long', what: string, fix: string) => ({
    findings: [{ server, severity: 'warning' as const, code, message: `${server} ${what}`, fix }],
  });
  try {
    const place = await lastHint({ instance, format, signal: AbortSignal.any([signal, timeout]) });
    if (place === null) {
      const what =
        'has no hint in its binary logs: until there is one, nothing can be taken over from or to it';
      const fix = `${inject} (or see hints.schema and hints.prefix: ${format.schema}, ${format.prefix})`;
      return { ...warn('no-hint', what, fix), lastHint: null };
    }
    const { hint, file, position } = place;
    const seconds = hintSeconds(hint);
    const ageSeconds =
      seconds === null ? null : Math.max(0, Math.round((Date.now() + clockOffsetMs) / 1000 - seconds));
    const found = { hint: hint.token, file, position, ageSeconds };
    if (ageSeconds === null || ageSeconds <= oldHintSeconds) return { findings: [], lastHint: found };
    const what = `got its newest hint ${String(ageSeconds)} s ago: the older it is, the more must be compared at a switch`;
    return { ...warn('old-hint', what, `${inject}, and see that replication runs`), lastHint: found };
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) {
      const what = `has no hint in what could be read of its newest logs in ${String(searchMs / 1000)} s`;
      return { ...warn('hint-search-too-long', what, inject), lastHint: null };
    }
    return { findings: [failureFinding(server, error)], lastHint: null };
  }
}

/** What stands in the way there; a mistake of ours isn't the server's and is thrown. */
function failureFinding(server: string, error: unknown): CheckFinding {
  if (!(error instanceof WaymarkError)) throw error;
  const fix = "See the server's error log";
  return { server, severity: 'error', code: error.code, message: error.message, fix };
}

/** Null when it can't be had; what stands in the way is found elsewhere. */
async function listLogs(instance: Instance, signal: AbortSignal): Promise<BinaryLog[] | null> {
  try {
    return await listBinaryLogs(instance, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfServer(error)) throw error;
    return null;
  }
}
