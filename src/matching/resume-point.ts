import type { Coordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import { GtidState, type Immaterial } from '../gtids/gtid-state.js';
import type { Hint } from '../hints/hint.js';
import { commitsInOneOrder, isReplica } from '../mysql/inspect.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { gtidsOf } from './trail.js';
import { scanTransactions } from './gtid-scan.js';
import type { ScanOptions } from './hint-scan.js';
import { deliveredBefore, knownGtids, oldestOfDomains } from './known-gtids.js';
import { locateHint, type LocateResult } from './locate.js';
import { type GtidLocation, GtidLog } from './locate-gtid.js';
import { isOrdered, matchLog, type MatchLogOptions, type MatchStart } from './match-log.js';
import type {
  Confidence,
  MatchEvidence,
  MatchState,
  MissingTransaction,
  ResumePoint,
} from './match-state.js';

export type ResumeOptions = Omit<MatchLogOptions, 'nonBlocking'> & {
  /** A place before the trail's anchors, by an earlier note. */
  readonly startHere?: Coordinates | null;
  /** Everything that was delivered, by GTID. Null if it isn't known. */
  readonly delivered?: GtidState | null;
  readonly onPhase?: (progress: ResumeProgress) => void;
  /** Whether to wait if the server doesn't have the anchor yet. It does unless this is false. */
  readonly waitsUntilThere?: boolean;
};

/** What finding the place is doing. */
export type ResumeProgress =
  | { readonly phase: 'behind'; readonly message: string }
  | { readonly phase: 'located'; readonly anchor: Located; readonly elapsedMs: number }
  | { readonly phase: 'matching'; readonly evidence: MatchEvidence };

/** The place of the trail's anchor on a server, and the cost of finding it. */
export type Located = ({ readonly by: 'hint' } & LocateResult) | ({ readonly by: 'gtid' } & GtidLocation);

/** A proved place to go on from. */
export type Resumption = {
  readonly resume: ResumePoint;
  readonly confidence: Confidence;
  readonly evidence: MatchEvidence;
  /** The place of the trail's anchor. Null if nothing was proved. */
  readonly anchor: Located | null;
  readonly locateMs: number;
  readonly matchMs: number;
};

/** The servers differ: something that was delivered is missing. The error has what is needed to go on regardless. */
export class DivergedError extends WaymarkError {
  readonly resume: ResumePoint;
  readonly missing: readonly MissingTransaction[];
  readonly evidence: MatchEvidence;

  constructor(server: string, state: Extract<MatchState, { status: 'diverged' }>) {
    super('diverged', divergence(server, state), {
      details: { server, missing: state.missing, missingCount: state.missingCount, ...state.evidence },
    });
    this.resume = state.resume;
    this.missing = state.missing;
    this.evidence = state.evidence;
  }
}

const behindPollMs = 250;

/**
 * Finds and proves the place on a server where a reader with this trail goes on. It locates the oldest anchor of the
 * trail that is there, and compares what follows with the trail until all of it has been met. If the server is
 * behind, it waits.
 *
 * @throws WaymarkError `no-trail` (the trail has no anchor), `purged`, `not-found`, `behind` (unless it waits),
 * {@link DivergedError}, and what reading the log throws.
 */
export async function findResumePoint(options: ResumeOptions): Promise<Resumption> {
  const server = formatAddress(options.instance.address);
  const begun = monotonicMs();
  const { anchor, start } = await findStart(options, server);
  const located = monotonicMs();
  options.onPhase?.({ phase: 'located', anchor, elapsedMs: Math.round(located - begun) });
  const state = await match(start, options, server);
  if (state.status === 'diverged') throw new DivergedError(server, state);
  return {
    resume: state.resume,
    confidence: state.confidence,
    evidence: state.evidence,
    anchor,
    locateMs: Math.round(located - begun),
    matchMs: Math.round(monotonicMs() - located),
  };
}

/** Where comparing begins, and the anchor that was found there. */
type FoundStart = { readonly anchor: Located; readonly start: MatchStart };

async function findStart(options: ResumeOptions, server: string): Promise<FoundStart> {
  const gtids = gtidsOf(options.trail);
  if (gtids.length > 0) return findGtid(gtids, options);
  const hints = options.trail.flatMap((entry): Hint[] => (entry.kind === 'hint' ? [entry.hint] : []));
  if (hints.length === 0) {
    throw new WaymarkError(
      'no-trail',
      `No hint has been seen yet, so the place on ${server} cannot be found. Are hints injected on the source ` +
        `(waymark inject)?`,
      { details: { server } },
    );
  }
  const { result: place } = await waitWhileBehind(options, () => locateHint(hints, options));
  return { anchor: { by: 'hint', ...place }, start: { by: 'hint', place } };
}

/**
 * Where to begin reading, by a GTID. In a log of one order, that is where the GTID is: everything before it was
 * delivered. In other logs, what wasn't may be before it: on MySQL, if commit order isn't kept; on MariaDB, what
 * another domain has there.
 */
async function findGtid(gtids: readonly string[], options: ResumeOptions): Promise<FoundStart> {
  const { trail, inspection, sameLog } = options;
  const { result, waited } = await waitWhileBehind(options, async () => {
    const log = await GtidLog.open(options);
    return { log, found: await log.locate(gtids, options.startHere ?? null) };
  });
  const { log, found } = result;
  const { gtid, file, position } = found;
  const delivered = options.delivered ?? null;
  const anchor: Located = { by: 'gtid', ...found };
  const oldest = oldestOfDomains(trail);
  const { facts } = inspection;
  // While the agent waited, another domain may have begun.
  const hasOneDomain =
    facts.version.vendor === 'mysql' ||
    (oldest.length <= 1 && delivered?.hasSeveralDomains !== true && commitsInOneOrder(inspection) && !waited);
  const isInOrder = isOrdered(options);
  if (sameLog === true || delivered === null || (hasOneDomain && isInOrder)) {
    const known = knownGtids(trail, delivered, null);
    return { anchor, start: { by: 'gtid', gtid, start: { file, position }, known } };
  }
  const own = await ownImmaterial(delivered, options);
  const { start, before } = await log.startBefore([gtid, ...oldest], delivered, own, isInOrder ? 0 : 1);
  const known = knownGtids(trail, delivered, before);
  const first = await placeBehindOld(start, deliveredBefore(trail, delivered), options);
  return { anchor, start: { by: 'gtid', gtid, start: first, known } };
}

/** What of the server's own transactions doesn't matter: what it wrote as a replica. */
async function ownImmaterial(delivered: GtidState, { inspection, own }: ResumeOptions): Promise<Immaterial> {
  const { uuid, serverId, gtidState } = inspection.facts;
  if (!isReplica(inspection)) return {};
  if (delivered.includes(GtidState.parse(gtidState).ownOf({ uuid, serverId }))) return {};
  return { uuid, serverId, history: (await own?.upstream()) ?? null };
}

/**
 * The first place from `start` on with a transaction that isn't old. Only GTIDs are read up to there: a log file is read
 * many times as fast as it is compared.
 */
async function placeBehindOld(
  start: Coordinates,
  isOld: (gtid: string) => boolean,
  options: ScanOptions,
): Promise<Coordinates> {
  let first = start;
  await scanTransactions(start, options, ({ gtid, file, position }) => {
    if (gtid !== null && isOld(gtid)) return false;
    first = { file, position };
    return true;
  });
  return first;
}

/** Tries again while the server is behind the trail. */
async function waitWhileBehind<Result>(
  { onPhase, signal, waitsUntilThere = true }: ResumeOptions,
  locate: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly waited: boolean }> {
  for (let waited = false; ; waited = true) {
    try {
      return { result: await locate(), waited };
    } catch (error) {
      if (!waitsUntilThere || !hasCode(error, 'behind')) throw error;
      onPhase?.({ phase: 'behind', message: error.message });
      await sleep(behindPollMs, signal);
    }
  }
}

async function match(
  start: MatchStart,
  options: ResumeOptions,
  server: string,
): Promise<Exclude<MatchState, { status: 'reading' }>> {
  const outcome: { state: Exclude<MatchState, { status: 'reading' }> | null } = { state: null };
  await matchLog(start, options, {
    step: (state) => {
      if (state.status !== 'reading') outcome.state = state;
      return outcome.state !== null;
    },
    heard: (evidence) => options.onPhase?.({ phase: 'matching', evidence }),
  });
  if (outcome.state !== null) return outcome.state;
  throw new WaymarkError('stream-broken', `${server} ended its binlog stream while the trail was matched`);
}

function divergence(server: string, state: Extract<MatchState, { status: 'diverged' }>): string {
  // A second missing hint says less than what came after the first.
  const first = state.missing.find(({ sequence }) => sequence > 0);
  const what = first
    ? `the first is transaction ${first.sequence} ${first.gtid === null ? `after hint ${first.hint ?? '(none)'}` : `from ${first.gtid} on`} ` +
      `(origin ${first.origin || 'unknown'}, ${new Date(first.second * 1000).toISOString()}, digest ${first.digest})`
    : `the first is hint ${state.missing[0]?.hint ?? '(none)'}`;
  const other = state.otherContent
    ? `. ${server} has one of the same origin (${state.otherContent.origin}) with other content, digest ${state.otherContent.digest}`
    : '';
  return (
    `${server} differs from what was delivered: ${state.missingCount} transactions and hints are missing there; ${what}${other}. ` +
    `Compare the data of the two servers. failover.onDivergence: continue goes on regardless`
  );
}
