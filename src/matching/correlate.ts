import { formatAddress } from '../config/address.js';
import type { TableFilter } from '../config/table-filter.js';
import type { Hint } from '../hints/hint.js';
import { isReplica } from '../mysql/inspect.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import type { CorrelateOptions, Correlation, InspectedServer, OwnTransactions } from './correlation.js';
import {
  behindError,
  divergedError,
  farBehindError,
  nameStep,
  outOfOrderError,
} from './correlation-errors.js';
import { CorrelationWalk, type TransactionStep } from './correlation-walk.js';
import type { HintScanOptions } from './hint-scan.js';
import type { HistoryBeforeOptions } from './history-before.js';
import { locateHint, type LocateResult } from './locate.js';
import { isOrdered, matchLog, type MatchLogOptions } from './match-log.js';
import type { HistoryStep } from './match-state.js';
import { lengthened, readServerTrail, type ServerTrail } from './server-trail.js';
import type { TrailMatch } from './trail-match.js';

const defaultMargin = 1024;
const ownShown = 10;

/** Servers are compared whole. */
const everything: TableFilter = { table: () => true, schema: () => true };

/**
 * Finds the place on one server that is the same in the history as a place on another: reads the first up to the
 * place, and holds what it read against the second, with the matching that resumes a reader. All tables count.
 *
 * @throws WaymarkError
 * - `coordinates`: there is no such place on `from`, or it lies inside a transaction (the boundaries around it are
 *   named; `details.boundaries` has them).
 * - `no-trail`: no hint stands before it there.
 * - `server-behind`: `to` hasn't got (all of) the transactions before the place; `details.first` is the first that it
 *   lacks (null when not even a hint before the place has arrived), `details.count` how many. Exit code 5.
 * - `diverged`: the servers differ; `details` has the first transaction that does, and its table. Exit code 4.
 * - `out-of-order`: both have the transactions, but some stand behind others that `from` has after the place, so that
 *   no single place on `to` is right; `details` says what stands where.
 * - `hint-purged` (exit code 6), `hint-not-found` (3): `to` has none of the hints any more, or never had.
 * - `unsuitable-server`: one of them is a replica that doesn't write what it replicates to its own log, or has none.
 * - what reading a log throws (`server-unreachable`, `missing-grant`, …).
 */
export async function correlate(options: CorrelateOptions): Promise<Correlation> {
  const { from, to, at, margin = defaultMargin } = options;
  for (const server of [from, to]) requireOwnLog(server);
  const reading = readingOptions(from, options);
  let trail = await readServerTrail(at, reading);
  const ordered = isOrdered(matchOptions(trail, options));
  if (!ordered && trail.entries.length < 2 * margin) trail = await lengthened(trail, 2 * margin, reading);
  const place = await locate(trail, options);
  const walk = new CorrelationWalk(trail.entries, ordered);
  const matcher = await matchLog(place, matchOptions(trail, options), {
    step: (state, step) => walk.step(state, step),
  });
  return conclude(walk, matcher, { ...trail, begun: place.hint }, options);
}

async function conclude(
  { state, unknown, own }: CorrelationWalk,
  matcher: TrailMatch,
  { begun, ...trail }: ServerTrail & { readonly begun: Hint },
  options: CorrelateOptions,
): Promise<Correlation> {
  if (state?.status !== 'complete') {
    const missing = matcher.unmet.flatMap((index) => trail.steps[index] ?? []);
    const differ =
      state?.status === 'diverged' || (unknown.length > 0 && isOrdered(matchOptions(trail, options)));
    throw differ ? await divergedError(missing, unknown, options) : behindError(missing, options);
  }
  const { coordinates, skip } = state.resume;
  const [strange] = unknown;
  if (strange !== undefined && skip.length > 0) throw outOfOrderError(strange, skip, options);
  const { transactionsMatched } = state.evidence;
  const begin = trail.steps.findIndex((step) => step.kind === 'hint' && step.hint.token === begun.token);
  return {
    to: coordinates,
    hint: newestHint(trail),
    transactionsMatched,
    confidence: transactionsMatched === 0 ? 'unverified' : state.confidence,
    ownTransactions: {
      from: ownTransactions(
        options.from,
        trail.steps.filter((step, index) => index > begin && isOwn(step) && !matcher.isMet(index)),
      ),
      to: ownTransactions(options.to, own),
    },
  };
}

/** The first hint of the trail that the other server has. */
async function locate(trail: ServerTrail, options: CorrelateOptions): Promise<LocateResult> {
  const hints = trail.entries.flatMap((entry) => (entry.kind === 'hint' ? [entry.hint] : []));
  try {
    return await locateHint(hints, scanOptions(options.to, options));
  } catch (error) {
    throw hasCode(error, 'hint-behind') ? farBehindError(error, options) : error;
  }
}

/** A replica's log must have what it replicates: without that there is nothing in it to compare. */
function requireOwnLog({ instance, inspection }: InspectedServer): void {
  const server = formatAddress(instance.address);
  const { binaryLogging, logsReplicatedChanges } = inspection.facts;
  if (binaryLogging && (logsReplicatedChanges || !isReplica(inspection))) return;
  throw new WaymarkError(
    'unsuitable-server',
    binaryLogging
      ? `${server} is a replica and doesn't write what it replicates to its binary log (log_slave_updates, on MySQL ` +
          'log_replica_updates, is OFF), so there is nothing in it to compare'
      : `${server} writes no binary log (log_bin is OFF)`,
    { details: { server } },
  );
}

function scanOptions(
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

function readingOptions(server: InspectedServer, options: CorrelateOptions): HistoryBeforeOptions {
  return { ...scanOptions(server, options), inspection: server.inspection, filter: everything };
}

function matchOptions(trail: ServerTrail, options: CorrelateOptions): MatchLogOptions {
  const { from, to, format, signal, margin = defaultMargin } = options;
  return {
    ...to,
    trail: trail.entries,
    trailOrdered: from.inspection.facts.keepsCommitOrder,
    margin,
    format,
    signal,
    filter: everything,
    nonBlocking: true,
  };
}

function isOwn(step: HistoryStep): step is TransactionStep {
  return step.kind === 'transaction' && step.bornHere;
}

function newestHint({ entries }: ServerTrail): Hint {
  const newest = entries.findLast((entry) => entry.kind === 'hint');
  if (newest?.kind !== 'hint') throw new RangeError('a trail without a hint');
  return newest.hint;
}

function ownTransactions({ instance }: InspectedServer, steps: readonly HistoryStep[]): OwnTransactions {
  const server = formatAddress(instance.address);
  return { count: steps.length, first: steps.slice(0, ownShown).map((step) => nameStep(server, step)) };
}
