import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { comparisonOf } from '../transactions/identity.js';
import type { TableFilter } from '../config/table-filter.js';
import type { HintFormat } from '../hints/hint.js';
import type { Instance } from '../mysql/instance.js';
import { commitsDomainsInOrder, commitsInOneOrder, type Inspection, isReplica } from '../mysql/inspect.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { HintPlace } from './hint-scan.js';
import { behind, readHistory } from './history.js';
import { LookBack } from './look-back.js';
import type { OwnHistory } from './own-transactions.js';
import type { HistoryStep, MatchEvidence, MatchState } from './match-state.js';
import { gtidsOf, isAnchor, type TrailEntry } from './trail.js';
import { type KnownGtids, TrailMatch } from './trail-match.js';

export type MatchLogOptions = {
  readonly instance: Instance;
  readonly inspection: Inspection;
  readonly trail: readonly TrailEntry[];
  /** Whether the server that the trail was read from commits in one order, that of the source. */
  readonly trailOrdered: boolean;
  /**
   * Whether the trail was read from this very log. Then it is in the log's order, even if servers commit out of
   * order.
   */
  readonly sameLog?: boolean;
  readonly margin: number;
  readonly format: HintFormat;
  readonly filter: TableFilter;
  readonly signal: AbortSignal;
  readonly silenceMs?: number;
  readonly connectTimeoutMs?: number;
  /** The trail was made of a relay log's listing: the log is read as one would list it. */
  readonly listed?: boolean;
  /**
   * Whether statements that the trail lacks are ignored, because they changed nothing on the server that it was read
   * from.
   */
  readonly passesStatements?: boolean;
  /** End at the end of the log, instead of waiting for more. */
  readonly nonBlocking?: boolean;
  /** Tells what the server wrote as the source, if it is a replica. Left out: all of its own counts as errant. */
  readonly own?: OwnHistory | undefined;
};

/** The caller's handler for a match, step by step. */
export type MatchTaker = {
  /** Takes the state after a step. Returning true ends the reading. */
  readonly step: (state: MatchState, step: HistoryStep) => boolean;
  /** Called for each batch of events, also for those without a step. */
  readonly heard?: (evidence: MatchEvidence) => void;
};

/** Where comparing begins, by which anchor of the trail. */
export type MatchStart =
  | { readonly by: 'hint'; readonly place: HintPlace }
  | {
      readonly by: 'gtid';
      readonly gtid: string;
      /** Where the GTID's transaction begins, or a place before it. */
      readonly start: Coordinates;
      readonly known: KnownGtids;
    };

/**
 * Compares a server's log with the trail, from an anchor of the trail. Returns the match when the taker has enough, or
 * when the log ends.
 * @throws what reading the log throws.
 */
export async function matchLog(
  start: MatchStart,
  options: MatchLogOptions,
  taker: MatchTaker,
): Promise<TrailMatch> {
  const replicaServerId = isReplica(options.inspection) ? options.inspection.facts.serverId : null;
  const begun = await (start.by === 'hint'
    ? fromHint(start.place, options, replicaServerId)
    : fromGtid(start, options));
  const { matcher, first } = begun;
  if (first !== null && taker.step(matcher.step(first), first)) return matcher;
  const reading = {
    start: begun.start,
    sourceServerId: begun.sourceServerId,
    anchors: new Set(gtidsOf(options.trail)),
    own: hasOneOrder(options) ? undefined : options.own,
  };
  for await (const steps of readHistory({ ...options, ...reading, replicaServerId })) {
    for (const step of steps) {
      const taken = options.passesStatements === true ? withoutStatement(step) : step;
      if (taker.step(matcher.step(taken), taken)) return matcher;
    }
    taker.heard?.(matcher.evidence);
  }
  return matcher;
}

/** A match before its first step. */
type Begun = {
  readonly matcher: TrailMatch;
  /** The step of the anchor, if reading begins right after it. */
  readonly first: HistoryStep | null;
  readonly start: Coordinates;
  readonly sourceServerId: number | null;
};

async function fromHint(
  place: HintPlace,
  options: MatchLogOptions,
  replicaServerId: number | null,
): Promise<Begun> {
  const matching = { ordered: isOrdered(options), margin: options.margin };
  const { hint, serverId } = place;
  const matcher = new TrailMatch(options.trail, hint.token, matching);
  const start = behind(place);
  if (!matcher.needsLookBack) {
    const at = { file: place.file, position: place.position };
    const first: HistoryStep = { kind: 'hint', hint, start: at, end: start, serverId };
    return { matcher, first, start, sourceServerId: serverId };
  }
  const countFromFirstStep = matcher.startsAtCountingAnchor;
  return {
    matcher: new TrailMatch(options.trail, hint.token, { ...matching, countFromFirstStep }),
    first: null,
    start: await lookBack(place, { ...options, replicaServerId }),
    sourceServerId: null,
  };
}

function fromGtid(
  { gtid, start, known }: Extract<MatchStart, { by: 'gtid' }>,
  options: MatchLogOptions,
): Begun {
  const matching = { ordered: isOrdered(options), margin: options.margin, known };
  return {
    matcher: new TrailMatch(options.trail, gtid, matching),
    // The transaction itself is still to be read.
    first: null,
    start,
    sourceServerId: null,
  };
}

/** The step as it counts if statements that the trail lacks are ignored. */
function withoutStatement(step: HistoryStep): HistoryStep {
  if (step.kind !== 'transaction' || comparisonOf(step.identity.digest) !== 'origin') return step;
  return { ...step, deliverable: false };
}

/** Reads the file before the hint's and that one up to the hint, to find where looking back begins. */
async function lookBack(
  place: HintPlace,
  options: MatchLogOptions & { readonly replicaServerId: number | null },
): Promise<Coordinates> {
  const window = new LookBack(options.trail, options.margin);
  const logs = await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs);
  const before = logs[logs.findIndex(({ file }) => file === place.file) - 1];
  const start = { file: before?.file ?? place.file, position: firstPosition };
  for await (const steps of readHistory({ ...options, start, nonBlocking: true })) {
    for (const step of steps) {
      if (step.kind === 'hint' && step.hint.token === place.hint.token) return window.start(step.start);
      window.step(step);
    }
  }
  return window.start(behind(place));
}

/**
 * Whether all that comes before something of the trail was delivered. Then the server's own transactions there that the
 * trail lacks are errant, and nobody has to be asked.
 */
function hasOneOrder(options: MatchLogOptions): boolean {
  return options.sameLog === true || (isOrdered(options) && commitsInOneOrder(options.inspection));
}

/**
 * Whether order is guaranteed: each server commits in one order, by its whole history and not only by the trail, and
 * both in the same order. A MariaDB domain may be newer than the beginning of the trail. With GTIDs as anchors, each
 * domain is compared by itself, and only its own order counts.
 */
export function isOrdered(
  options: Pick<MatchLogOptions, 'trailOrdered' | 'sameLog' | 'inspection' | 'trail'>,
): boolean {
  if (options.sameLog) return true;
  if (options.trail.some(({ kind }) => kind === 'gtid')) {
    return options.trailOrdered && commitsDomainsInOrder(options.inspection);
  }
  if (!options.trailOrdered || !commitsInOneOrder(options.inspection)) return false;
  const domains = new Set<string>();
  for (const entry of options.trail) {
    if (isAnchor(entry)) continue;
    const domain = /^[gl]:(\d+)-\d+-\d+$/.exec(entry.identity.origin)?.[1];
    if (domain !== undefined) domains.add(domain);
  }
  return domains.size <= 1;
}
