import { formatAddress } from '../config/address.js';
import { epochMs, signalAfter } from '../util/clock.js';
import { errorFinding, marked } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';
import type { AnchorsConfig } from '../config/schema.js';
import type { ServerFacts } from '../mysql/server-facts.js';
import type { HintFormat } from '../hints/hint.js';
import { hintSeconds } from '../hints/next-hint.js';
import { lastHint } from '../matching/locate.js';
import type { Instance } from '../mysql/instance.js';
import type { PreflightReport } from '../preflight/preflight.js';
import { WaymarkError } from '../util/errors.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';
import type { LastHint } from './report.js';

/** What there is to say about a server's hints: nothing of it keeps a stream from being read. */
type HintCheck = { readonly findings: readonly CheckFinding[]; readonly lastHint: LastHint | null };

/** A log full of changes without any hint is read at some hundred MB/s. */
const searchMs = 20_000;
const oldHintSeconds = 60;

/**
 * Looks for a server's newest hint, where the server lets us.
 * @throws the signal's reason when it fires; nothing for what is wrong at the server.
 */
export async function checkHints(
  instance: Instance,
  { state, findings }: PreflightReport,
  {
    format,
    anchors,
    signal,
  }: { readonly format: HintFormat; readonly anchors: AnchorsConfig; readonly signal: AbortSignal },
): Promise<HintCheck> {
  const mayLook =
    state?.facts.binaryLogging === true &&
    !findings.some(({ code, severity }) => code === 'missing-grant' && severity === 'error');
  if (!mayLook) return { findings: [], lastHint: null };
  const server = formatAddress(instance.address);
  const timeout = signalAfter(searchMs);
  try {
    const place = await lastHint({ instance, format, signal: AbortSignal.any([signal, timeout]) });
    if (place === null) return missing(server, format, anchors, state.facts.gtids);
    const { hint, file, position, serverId } = place;
    const seconds = hintSeconds(hint);
    const now = (epochMs() + (state.clockOffsetMs ?? 0)) / 1000;
    const ageSeconds = seconds === null ? null : Math.max(0, Math.round(now - seconds));
    const found = { hint: hint.token, file, position, ageSeconds, serverId };
    const isNew = ageSeconds === null || ageSeconds <= oldHintSeconds;
    if (isNew || anchors === 'gtid') return { findings: [], lastHint: found };
    return old(server, found, ageSeconds);
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return tooLong(server);
    return { findings: [failureFinding(server, error)], lastHint: null };
  }
}

const inject = `Inject hints on the source: waymark inject --server SOURCE --every 5s`;

/** Without hints, GTIDs serve where the servers have them in common. If nothing else may, nobody needs hints. */
function missing(
  server: string,
  { schema, prefix }: HintFormat,
  anchors: AnchorsConfig,
  gtids: ServerFacts['gtids'],
): HintCheck {
  if (anchors === 'gtid' || (anchors === 'auto' && gtids === 'shared'))
    return { findings: [], lastHint: null };
  const own =
    gtids === 'own'
      ? ', and its GTIDs are its own (wsrep_gtid_mode is OFF), so they are not found elsewhere'
      : '';
  const message = `${server} has no hint in its binary logs${own}. Until there is one, no switch from or to it is possible`;
  const fix = `${inject} (or check hints.schema and hints.prefix: ${schema}, ${prefix})`;
  const findings = [marked({ server, severity: 'warning', code: 'no-hint', message, fix })];
  return { findings, lastHint: null };
}

function old(server: string, found: LastHint, ageSeconds: number): HintCheck {
  const message = `${server} got its newest hint ${formatSeconds(ageSeconds)} ago: the older it is, the more must be compared at a switch`;
  const fix = `${inject}, and check that replication runs`;
  const findings = [marked({ server, severity: 'warning', code: 'old-hint', message, fix })];
  return { findings, lastHint: found };
}

function tooLong(server: string): HintCheck {
  const message = `${server} has no hint in what could be read of its newest logs in ${formatDuration(searchMs)}`;
  const findings = [
    marked({ server, severity: 'warning', code: 'hint-search-too-long', message, fix: inject }),
  ];
  return { findings, lastHint: null };
}

/** What stands in the way there; a mistake of ours isn't the server's and is thrown. */
function failureFinding(server: string, error: unknown): CheckFinding {
  if (!(error instanceof WaymarkError)) throw error;
  return { ...errorFinding(error, error.code, error.message, "See the server's error log"), server };
}
