import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { TableFilter } from '../config/table-filter.js';
import type { Hint } from '../hints/hint.js';
import { commitsInOneOrder } from '../mysql/inspect.js';
import { hasAppliedAll } from '../mysql/server.js';
import { hasCode } from '../util/errors.js';
import { type Comparison, confidenceOf } from './comparison.js';
import type { CorrelateOptions, Correlation, InspectedServer, OwnTransactions } from './correlation.js';
import {
  behindError,
  divergedError,
  farBehindError,
  haveSameOrigin,
  nameStep,
  outOfOrderError,
} from './correlation-errors.js';
import { CorrelationWalk, type TransactionStep } from './correlation-walk.js';
import type { HintScanOptions } from './hint-scan.js';
import { locateHint, type LocateResult } from './locate.js';
import { isOrdered, matchLog, type MatchLogOptions } from './match-log.js';
import type { HistoryStep, MatchState } from './match-state.js';
import type { ServerTrail } from './server-trail.js';

const defaultMargin = 1024;
const ownShown = 10;

/** Servers are compared whole. */
export const everything: TableFilter = { table: () => true, schema: () => true };

/** A log of statements has what changes nothing, which a log of rows leaves out: there it doesn't count. */
const nothing: TableFilter = { table: () => false, schema: () => false };

/** Whether a server logs rows and nothing else. */
export function logsRows({ inspection }: InspectedServer): boolean {
  return inspection.facts.binlogFormat === 'ROW';
}

/**
 * Holds the log of `to` against a trail that was made by a comparison, and gives the place behind the last
 * transaction that both have.
 * @throws as correlate.
 */
export async function correlateTrail(
  trail: ServerTrail,
  comparison: Comparison,
  options: CorrelateOptions,
): Promise<Correlation> {
  const place = await locate(
    trail.entries.flatMap((entry) => (entry.kind === 'hint' ? [entry.hint] : [])),
    options,
  );
  const matching = matchOptions(trail, comparison, options);
  const ordered = isOrdered(matching);
  const walk = new CorrelationWalk(trail.entries, ordered);
  const matcher = await matchLog(place, matching, { step: (state, step) => walk.step(state, step) });
  for (const [index, step] of trail.steps.entries()) {
    const twin = matcher.isMet(index) ? undefined : walk.twins.find((other) => haveSameOrigin(step, other));
    if (twin) throw await divergedError([step], [twin], comparison, options);
  }
  if (walk.state?.status !== 'complete') {
    const missing = matcher.unmet.flatMap((index) => trail.steps[index] ?? []);
    const { state, unknown } = walk;
    const differ =
      state?.status === 'diverged' || (ordered ? unknown.length > 0 : lacksForGood(unknown, options));
    throw differ ? await divergedError(missing, unknown, comparison, options) : behindError(missing, options);
  }
  // What a log of rows leaves out because it changes nothing may be missing; what hasn't come yet must not be.
  const last = trail.entries.length - 1;
  if (comparison === 'origin' && !matcher.isMet(last) && !walk.passed) {
    throw behindError(trail.steps.slice(-1), options);
  }
  const begin = trail.steps.findIndex((step) => step.kind === 'hint' && step.hint.token === place.hint.token);
  const own = trail.steps.filter((step, index) => index > begin && isOwn(step) && !matcher.isMet(index));
  return conclude(walk, walk.state, { trail, own, comparison }, options);
}

type Complete = Extract<MatchState, { status: 'complete' }>;

function conclude(
  { unknown, own: ownThere }: CorrelationWalk,
  { resume: { coordinates, skip }, confidence, evidence: { transactionsMatched } }: Complete,
  { trail, own, comparison }: { trail: ServerTrail; own: readonly HistoryStep[]; comparison: Comparison },
  options: CorrelateOptions,
): Correlation {
  const [strange] = unknown;
  if (strange !== undefined && skip.length > 0) throw outOfOrderError(strange, skip, options);
  return {
    to: coordinates,
    hint: newestHint(trail),
    transactionsMatched,
    confidence: transactionsMatched === 0 ? 'unverified' : confidenceOf(comparison, confidence),
    ownTransactions: {
      from: ownTransactions(options.from, own),
      to: ownTransactions(options.to, ownThere),
    },
  };
}

/**
 * Where order isn't kept, what is missing may still come. It can't when nothing is missing between what has been applied
 * up to something that comes later: at the source the missing one stands before it, if `from` has no gaps either.
 */
export function lacksForGood(
  later: readonly HistoryStep[],
  { from, at, to }: Pick<CorrelateOptions, 'from' | 'at' | 'to'>,
): boolean {
  const { channels, logEnd } = to.inspection;
  const applied = later.some(({ end }) => logEnd !== null && (compareCoordinates(end, logEnd) ?? 1) <= 0);
  return applied && channels.every(hasAppliedAll) && hasNoGapsBefore(from, at);
}

/** Servers that have stopped applying leave no gaps; what replicates from nobody never has any. */
function hasNoGapsBefore({ inspection }: InspectedServer, at: Coordinates): boolean {
  const { channels, logEnd } = inspection;
  if (channels.length === 0 || commitsInOneOrder(inspection)) return true;
  const isEnd = at.file === logEnd?.file && at.position === logEnd.position;
  return isEnd && channels.every(({ applierRunning }) => !applierRunning);
}

/** The first of some hints, oldest first, that `to` has. */
export async function locate(hints: readonly Hint[], options: CorrelateOptions): Promise<LocateResult> {
  try {
    return await locateHint(hints, scanOptions(options.to, options));
  } catch (error) {
    throw hasCode(error, 'hint-behind') ? farBehindError(error, options) : error;
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
  comparison: Comparison,
  { from, to, format, signal, margin = defaultMargin }: CorrelateOptions,
): MatchLogOptions {
  return {
    ...to,
    trail: trail.entries,
    trailOrdered: commitsInOneOrder(from.inspection),
    margin,
    format,
    signal,
    filter: comparison === 'origin' && logsRows(from) ? nothing : everything,
    comparison,
    nonBlocking: true,
  };
}

function isOwn(step: HistoryStep): step is TransactionStep {
  return step.kind === 'transaction' && step.bornHere;
}

/** The newest hint of a trail, which has one. */
export function newestHint({ entries }: ServerTrail): Hint {
  const newest = entries.findLast((entry) => entry.kind === 'hint');
  if (newest?.kind !== 'hint') throw new RangeError('a trail without a hint');
  return newest.hint;
}

function ownTransactions({ instance }: InspectedServer, steps: readonly HistoryStep[]): OwnTransactions {
  const server = formatAddress(instance.address);
  return { count: steps.length, first: steps.slice(0, ownShown).map((step) => nameStep(server, step)) };
}
