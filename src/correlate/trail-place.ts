import { compareCoordinates, type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { comparisonOf } from '../transactions/identity.js';
import { formatAddress } from '../config/address.js';
import type { TableFilter } from '../config/table-filter.js';
import type { Hint } from '../hints/hint.js';
import { commitsInOneOrder } from '../mysql/inspect.js';
import { hasAppliedAll } from '../mysql/server-facts.js';
import { hasCode } from '../util/errors.js';
import { confidenceOf } from '../matching/confidence.js';
import type { CorrelateOptions, Correlation, InspectedServer, OwnTransactions } from './result.js';
import {
  behindError,
  divergedError,
  farBehindError,
  haveSameOrigin,
  nameStep,
  outOfOrderError,
} from './refusals.js';
import { CorrelationWalk, type TransactionStep } from './walk.js';
import type { HintScanOptions } from '../matching/hint-scan.js';
import { locateHint, type LocateResult } from '../matching/locate.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import { knownGtids } from '../matching/known-gtids.js';
import { locateGtid } from '../matching/locate-gtid.js';
import { isOrdered, matchLog, type MatchLogOptions, type MatchStart } from '../matching/match-log.js';
import type { HistoryStep, MatchState } from '../matching/match-state.js';
import type { ServerTrail } from './server-trail.js';
import { gtidsOf, isAnchor, nameOfAnchor, newestAnchor, type TrailEntry } from '../matching/trail.js';

const defaultMargin = 1024;
const ownShown = 10;

/** Servers are compared whole. */
export const everything: TableFilter = { table: () => true, schema: () => true };

/** Whether a server logs rows and nothing else. */
export function logsRows({ inspection }: InspectedServer): boolean {
  return inspection.facts.binlogFormat === 'ROW';
}

/**
 * Compares the log of `to` with a trail, and returns the place after the last transaction that both have.
 * @param listed whether the trail comes from the listing of a relay log, which has no contents.
 * @throws as correlate.
 */
export async function correlateTrail(
  { entries, steps }: ServerTrail,
  listed: boolean,
  options: CorrelateOptions,
): Promise<Correlation> {
  // A statement that changes nothing is not in a log of rows.
  const optional = (entry: TrailEntry): TrailEntry =>
    isStatement(entry) ? { ...entry, optional: true } : entry;
  const trail = { steps, entries: logsRows(options.to) ? entries.map(optional) : entries };
  const matching = matchOptions(trail, listed, options);
  const { name, start } = await locateTrail(trail, matching, options);
  const ordered = isOrdered(matching);
  const walk = new CorrelationWalk(trail.entries, ordered);
  const matcher = await matchLog(start, matching, {
    step: (state, step) => walk.step(state, step),
  });
  for (const [index, step] of trail.steps.entries()) {
    const twin = matcher.isMet(index) ? undefined : walk.twins.find((other) => haveSameOrigin(step, other));
    if (twin) throw await divergedError([step], [twin], listed, options);
  }
  if (walk.state?.status !== 'complete') {
    const missing = matcher.unmet.flatMap((index) => trail.steps[index] ?? []);
    const { state, unknown } = walk;
    const differ =
      state?.status === 'diverged' || (ordered ? unknown.length > 0 : lacksForGood(unknown, options));
    throw differ ? await divergedError(missing, unknown, listed, options) : behindError(missing, options);
  }
  // A statement may be missing if a log of rows leaves it out because it changed nothing, but not if it just hasn't
  // come yet.
  const last = trail.entries.length - 1;
  const end = trail.entries[last];
  if (logsRows(options.to) && end && isStatement(end) && !matcher.isMet(last) && !walk.passed) {
    throw behindError(trail.steps.slice(-1), options);
  }
  const begin = trail.entries.findIndex((entry) => isAnchor(entry) && nameOfAnchor(entry) === name);
  const own = trail.steps.filter((step, index) => index > begin && isOwn(step) && !matcher.isMet(index));
  return conclude(walk, walk.state, { trail, own, listed }, options);
}

type Complete = Extract<MatchState, { status: 'complete' }>;

function conclude(
  { unknown, own: ownThere }: CorrelationWalk,
  { resume: { coordinates, skip }, confidence, evidence: { transactionsMatched } }: Complete,
  { trail, own, listed }: { trail: ServerTrail; own: readonly HistoryStep[]; listed: boolean },
  options: CorrelateOptions,
): Correlation {
  const [strange] = unknown;
  if (strange !== undefined && skip.length > 0) throw outOfOrderError(strange, skip, options);
  return {
    to: coordinates,
    ...shownAnchor(trail),
    transactionsMatched,
    confidence:
      transactionsMatched === 0 ? 'unverified' : confidenceOf(listed ? 'shape' : 'content', confidence),
    ownTransactions: {
      from: ownTransactions(options.from, own),
      to: ownTransactions(options.to, ownThere),
    },
  };
}

/**
 * If order isn't kept, a missing transaction may still come. It can't if the server has no gaps up to a later one
 * that it has applied: at the source the missing one comes before that, if `from` has no gaps either.
 */
export function lacksForGood(
  later: readonly HistoryStep[],
  { from, at, to }: Pick<CorrelateOptions, 'from' | 'at' | 'to'>,
): boolean {
  const { channels, logEnd } = to.inspection;
  const applied = later.some(({ end }) => logEnd !== null && (compareCoordinates(end, logEnd) ?? 1) <= 0);
  return applied && channels.every(hasAppliedAll) && hasNoGapsBefore(from, at);
}

/** A server that has stopped applying leaves no gaps. A server that isn't a replica never has any. */
function hasNoGapsBefore({ inspection }: InspectedServer, at: Coordinates): boolean {
  const { channels, logEnd } = inspection;
  if (channels.length === 0 || commitsInOneOrder(inspection)) return true;
  const isEnd = at.file === logEnd?.file && at.position === logEnd.position;
  return isEnd && channels.every(({ applierRunning }) => !applierRunning);
}

/** Finds the first anchor of a trail that `to` has, and where comparing begins. */
async function locateTrail(
  { entries }: ServerTrail,
  matching: MatchLogOptions,
  options: CorrelateOptions,
): Promise<{ readonly name: string; readonly start: MatchStart }> {
  const gtids = gtidsOf(entries);
  if (gtids.length === 0) {
    const hints = entries.flatMap((entry) => (entry.kind === 'hint' ? [entry.hint] : []));
    const place = await locate(hints, options);
    return { name: place.hint.token, start: { by: 'hint', place } };
  }
  const scanning = scanOptions(options.to, options);
  const { gtid, file, position } = await locateGtid(gtids, scanning).catch((error: unknown) => {
    throw hasCode(error, 'behind') ? farBehindError(error, options) : error;
  });
  const known = knownGtids(entries, null, null);
  const found = { by: 'gtid', gtid, known } as const;
  if (isOrdered(matching)) return { name: gtid, start: { ...found, start: { file, position } } };
  // In another order, some of the trail may be before the GTID here.
  const logs = await listBinaryLogs(scanning.instance, scanning.signal);
  const before = logs[logs.findIndex((log) => log.file === file) - 1]?.file ?? file;
  return { name: gtid, start: { ...found, start: { file: before, position: firstPosition } } };
}

/** The first of some hints, oldest first, that `to` has. */
export async function locate(hints: readonly Hint[], options: CorrelateOptions): Promise<LocateResult> {
  try {
    return await locateHint(hints, scanOptions(options.to, options));
  } catch (error) {
    throw hasCode(error, 'behind') ? farBehindError(error, options) : error;
  }
}

export function scanOptions(
  { instance }: InspectedServer,
  { format, signal, onProgress }: CorrelateOptions,
): HintScanOptions {
  const server = formatAddress(instance.address);
  return {
    instance,
    format,
    signal,
    ...(onProgress && {
      onProgress: (progress) => {
        onProgress({ server, ...progress });
      },
    }),
  };
}

export function matchOptions(
  trail: ServerTrail,
  listed: boolean,
  { from, to, format, signal, margin = defaultMargin }: CorrelateOptions,
): MatchLogOptions {
  return {
    ...to,
    trail: trail.entries,
    trailOrdered: commitsInOneOrder(from.inspection),
    margin,
    format,
    signal,
    filter: everything,
    listed,
    passesStatements: logsRows(from),
    nonBlocking: true,
  };
}

/** Whether an entry of a trail is one that other servers may have logged as rows. */
export function isStatement(entry: TrailEntry): entry is Extract<TrailEntry, { kind: 'transaction' }> {
  return entry.kind === 'transaction' && comparisonOf(entry.identity.digest) === 'origin';
}

function isOwn(step: HistoryStep): step is TransactionStep {
  return step.kind === 'transaction' && step.errant;
}

/** The newest anchor of a trail, as results show it. */
export function shownAnchor({ entries }: ServerTrail): Pick<Correlation, 'hint' | 'gtid'> {
  const newest = newestAnchor(entries);
  return {
    hint: newest?.kind === 'hint' ? newest.hint.token : null,
    gtid: newest?.kind === 'gtid' ? newest.gtid : null,
  };
}

function ownTransactions({ instance }: InspectedServer, steps: readonly HistoryStep[]): OwnTransactions {
  const server = formatAddress(instance.address);
  return { count: steps.length, first: steps.slice(0, ownShown).map((step) => nameStep(server, step)) };
}
