import type { Coordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { Hint } from '../hints/hint.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { locateHint, type LocateResult } from './locate.js';
import { matchLog, type MatchLogOptions } from './match-log.js';
import type {
  Confidence,
  MatchEvidence,
  MatchState,
  MissingTransaction,
  ResumePoint,
} from './match-state.js';

export type ResumeOptions = Omit<MatchLogOptions, 'nonBlocking'> & {
  /** A place before the trail's hints, by an earlier note. */
  readonly startHere?: Coordinates | null;
  readonly onProgress?: (progress: ResumeProgress) => void;
};

/** What finding the place is doing. */
export type ResumeProgress =
  | { readonly phase: 'behind'; readonly message: string }
  | { readonly phase: 'located'; readonly hint: LocateResult; readonly elapsedMs: number }
  | { readonly phase: 'matching'; readonly evidence: MatchEvidence };

/** A proved place to go on from. */
export type Resumption = {
  readonly resume: ResumePoint;
  readonly confidence: Confidence;
  readonly evidence: MatchEvidence;
  /** The place of the trail's hint. Null if nothing was proved. */
  readonly hint: LocateResult | null;
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
 * Finds and proves the place on a server where a reader with this trail goes on. It locates the oldest hint of the
 * trail that is there, and compares what follows with the trail until all of it has been met. If the server is
 * behind, it waits.
 *
 * @throws WaymarkError `no-trail` (the trail has no hint), `purged`, `not-found`, {@link DivergedError}, and what
 * reading the log throws.
 */
export async function findResumePoint(options: ResumeOptions): Promise<Resumption> {
  const server = formatAddress(options.instance.address);
  const hints = options.trail.flatMap((entry) => (entry.kind === 'hint' ? [entry.hint] : []));
  if (hints.length === 0) {
    throw new WaymarkError(
      'no-trail',
      `No hint has been seen yet, so the place on ${server} cannot be found. Are hints injected on the source ` +
        `(waymark inject)?`,
      { details: { server } },
    );
  }
  const begun = monotonicMs();
  const hint = await locateOrWait(hints, options);
  const located = monotonicMs();
  options.onProgress?.({ phase: 'located', hint, elapsedMs: Math.round(located - begun) });
  const state = await match(hint, options, server);
  if (state.status === 'diverged') throw new DivergedError(server, state);
  return {
    resume: state.resume,
    confidence: state.confidence,
    evidence: state.evidence,
    hint,
    locateMs: Math.round(located - begun),
    matchMs: Math.round(monotonicMs() - located),
  };
}

async function locateOrWait(hints: readonly Hint[], options: ResumeOptions): Promise<LocateResult> {
  const { onProgress, ...locating } = options;
  for (;;) {
    try {
      return await locateHint(hints, locating);
    } catch (error) {
      if (!hasCode(error, 'behind')) throw error;
      onProgress?.({ phase: 'behind', message: error.message });
      await sleep(behindPollMs, options.signal);
    }
  }
}

async function match(
  place: LocateResult,
  options: ResumeOptions,
  server: string,
): Promise<Exclude<MatchState, { status: 'reading' }>> {
  const outcome: { state: Exclude<MatchState, { status: 'reading' }> | null } = { state: null };
  await matchLog(place, options, {
    step: (state) => {
      if (state.status !== 'reading') outcome.state = state;
      return outcome.state !== null;
    },
    heard: (evidence) => options.onProgress?.({ phase: 'matching', evidence }),
  });
  if (outcome.state !== null) return outcome.state;
  throw new WaymarkError('stream-broken', `${server} ended its binlog stream while the trail was matched`);
}

function divergence(server: string, state: Extract<MatchState, { status: 'diverged' }>): string {
  // A second missing hint says less than what came after the first.
  const first = state.missing.find(({ sequence }) => sequence > 0);
  const what = first
    ? `the first is transaction ${first.sequence} after hint ${first.hint ?? '(none)'} ` +
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
