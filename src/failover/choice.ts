import { lagOf, type Sight } from './diagnosis.js';
import type { Finding } from './finding.js';
import { isAhead } from './source-progress.js';
import type { SwitchCause } from './state.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** A member of the pool when a choice is made. */
export type Option = Sight & {
  readonly priority: number;
  readonly avoided: boolean;
  readonly finding: Finding;
  /** How long that has been `healthy`; 0 when it isn't. */
  readonly healthyForMs: number;
  /** Since the stream was last lost there; null: never. */
  readonly lostForMs: number | null;
};

/** A member to go on with. */
type Candidate = {
  readonly server: string;
  /** Lower is better; equal ones are taken by who is ready first. */
  readonly rank: number;
  /** To be tried only when all others have failed or wait for what was delivered. */
  readonly reserve: boolean;
};

type Rejection = { readonly server: string; readonly reason: string };

/** Best first. No candidate: the stream stays where it is. */
export type Choice = { readonly candidates: readonly Candidate[]; readonly rejections: readonly Rejection[] };

export type ChoiceSettings = {
  /** No switch that could wait within this time of the last one; nor back to a server that was just lost. */
  readonly cooldownMs: number;
  /** Null: never by itself. */
  readonly failbackAfterMs: number | null;
  /** Since the last switch; null: there was none. */
  readonly sinceSwitchMs: number | null;
};

/**
 * Where the stream may go on, and why not elsewhere. Pure. What only the members' logs can tell is proved later, by
 * trying; this says whom to try, and in which order.
 */
export function choose(
  cause: SwitchCause,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): Choice {
  const reasonOf = (option: Option): string | null => {
    switch (cause) {
      case 'healthy':
      case 'source-down':
      case 'isolated':
      case 'start':
      case 'restart':
        return `the finding is ${cause}: the stream stays`;
      case 'stream-broken':
        return option.server === from ? null : `${from} lives: the stream goes on there`;
      case 'dead':
      case 'unreachable':
      case 'rebuilt':
        return null;
      case 'planned':
        return option.server === from ? 'it is the one to leave' : whyNotReached(option);
      case 'stalled':
        return whyNotAhead(option, from, options, settings);
      case 'failback':
        return whyNotBack(option, from, options, settings);
    }
  };
  const judged = options.map((option) => ({ option, reason: reasonOf(option) }));
  const taken = judged.flatMap(({ option, reason }) => (reason === null ? [option] : []));
  return {
    candidates: ranked(taken, from, settings),
    rejections: judged.flatMap(({ option, reason }) =>
      reason === null ? [] : [{ server: option.server, reason }],
    ),
  };
}

/** Not delayed on purpose, not avoided, not just lost; then priority; then the smallest lag. */
function ranked(options: readonly Option[], from: string, settings: ChoiceSettings): Candidate[] {
  const isReserve = (option: Option): boolean =>
    option.server === from ||
    option.avoided ||
    delayOf(option) > 0 ||
    (option.lostForMs !== null && option.lostForMs < settings.cooldownMs);
  const sorted = options
    .map((option) => ({ option, reserve: isReserve(option) }))
    .toSorted(
      (a, b) =>
        Number(a.reserve) - Number(b.reserve) ||
        b.option.priority - a.option.priority ||
        compareLags(a.option, b.option),
    );
  let rank = 0;
  return sorted.map(({ option, reserve }, index) => {
    const before = sorted[index - 1];
    if (before && (before.reserve !== reserve || before.option.priority !== option.priority)) rank += 1;
    return { server: option.server, rank, reserve };
  });
}

function compareLags(a: Option, b: Option): number {
  const [left, right] = [lagOf(a), lagOf(b)];
  return left === right ? 0 : left - right;
}

function delayOf({ evidence }: Option): number {
  return evidence?.replication?.delaySeconds ?? 0;
}

function whyNotReached({ evidence }: Option): string | null {
  if (evidence === null) return 'it has not been looked at yet';
  return evidence.reachable ? null : (evidence.error ?? 'it does not answer');
}

/** What keeps any switch back that could wait. */
function whyNotNow(option: Option, from: string, settings: ChoiceSettings): string | null {
  if (option.server === from) return 'it is the one to leave';
  const { sinceSwitchMs, cooldownMs } = settings;
  if (sinceSwitchMs !== null && sinceSwitchMs < cooldownMs) {
    return `the last switch was ${formatDuration(sinceSwitchMs)} ago (failover.cooldown is ${formatDuration(cooldownMs)})`;
  }
  if (option.lostForMs !== null && option.lostForMs < cooldownMs) {
    return `it was lost ${formatDuration(option.lostForMs)} ago (failover.cooldown is ${formatDuration(cooldownMs)})`;
  }
  if (option.avoided) return 'it is to be avoided (failover.avoid)';
  const unreached = whyNotReached(option);
  if (unreached !== null) return unreached;
  if (option.finding !== 'healthy') return `it is ${option.finding}`;
  if (delayOf(option) > 0) return `it is ${formatSeconds(delayOf(option))} behind on purpose`;
  return null;
}

function whyNotAhead(
  option: Option,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): string | null {
  const reason = whyNotNow(option, from, settings);
  if (reason !== null) return reason;
  const own = options.find(({ server }) => server === from);
  return own && isAhead(option, own) ? null : 'it has no more than the one to leave';
}

function whyNotBack(
  option: Option,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): string | null {
  const { failbackAfterMs } = settings;
  if (failbackAfterMs === null) return 'nobody asked for it (failover.failbackAfter)';
  const reason = whyNotNow(option, from, settings);
  if (reason !== null) return reason;
  const own = options.find(({ server }) => server === from);
  if (own && !own.avoided && option.priority <= own.priority) return 'its priority is no higher';
  if (option.healthyForMs < failbackAfterMs) {
    return `it has been healthy for ${formatDuration(option.healthyForMs)} (failover.failbackAfter is ${formatDuration(failbackAfterMs)})`;
  }
  return null;
}
