import { isClusterFinding } from '../mysql/cluster.js';
import { lagOf } from './diagnosis.js';
import type { Sight } from '../pool/evidence.js';
import type { Finding } from './diagnosis.js';
import { isAhead } from '../pool/source-progress.js';
import type { SwitchCause } from './switch.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** A member of the pool when a choice is made. */
export type Option = Sight & {
  readonly priority: number;
  readonly avoided: boolean;
  readonly finding: Finding;
  /** How long it has been `healthy`. 0 if it isn't. */
  readonly healthyForMs: number;
  /** Time since the stream was last lost there. Null if never. */
  readonly lostForMs: number | null;
};

/** A member that the stream may go on from. */
type Candidate = {
  readonly server: string;
  /** Lower is better. Among equal ones the first to be ready is taken. */
  readonly rank: number;
  /** Whether it is tried only when all others have failed or lag. */
  readonly reserve: boolean;
};

type Rejection = { readonly server: string; readonly why: WhyNot['why']; readonly reason: string };

/** Why the stream doesn't go to a member. */
export type WhyNot =
  | { readonly why: 'stays'; readonly finding: SwitchCause }
  | { readonly why: 'lives'; readonly server: string }
  | { readonly why: 'left' }
  | { readonly why: 'just-switched' | 'just-lost'; readonly agoMs: number; readonly cooldownMs: number }
  | { readonly why: 'avoided' }
  | { readonly why: 'not-looked-at' }
  | { readonly why: 'not-reached'; readonly error: string | null }
  | { readonly why: 'not-healthy'; readonly finding: Finding }
  | { readonly why: 'delayed'; readonly seconds: number }
  | { readonly why: 'not-ahead' }
  | { readonly why: 'no-failback' }
  | { readonly why: 'no-higher' }
  | { readonly why: 'healthy-too-short'; readonly healthyMs: number; readonly failbackAfterMs: number };

/** Best first. Without a candidate the stream stays. */
export type Choice = { readonly candidates: readonly Candidate[]; readonly rejections: readonly Rejection[] };

export type ChoiceSettings = {
  /** Within this time after a switch, no switch that can wait. Nor one back to a server that was just lost. */
  readonly cooldownMs: number;
  /** Null: no failback. */
  readonly failbackAfterMs: number | null;
  /** Time since the last switch. Null if there was none. */
  readonly sinceSwitchMs: number | null;
};

/**
 * Says which members to try, in which order, and why not the others. Pure. What only the members' logs can show is
 * proved later, by trying them.
 */
export function choose(
  cause: SwitchCause,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): Choice {
  const whyNot = (option: Option): WhyNot | null => {
    switch (cause) {
      case 'healthy':
      case 'source-down':
      case 'isolated':
      case 'start':
      case 'restart':
        return { why: 'stays', finding: cause };
      case 'stream-broken':
        return option.server === from ? null : { why: 'lives', server: from };
      case 'dead':
      case 'silent':
      case 'lagging':
      case 'unreachable':
      case 'rebuilt':
        return null;
      case 'not-in-primary-component':
      case 'not-synced':
      case 'group-member-recovering':
      case 'group-member-error':
      case 'group-member-offline':
      case 'group-without-majority':
        return whyNotInstead(option, from);
      case 'planned':
        return option.server === from ? { why: 'left' } : whyNotReached(option);
      case 'stalled':
        return whyNotAhead(option, from, options, settings);
      case 'failback':
        return whyNotBack(option, from, options, settings);
    }
  };
  const judged = options.map((option) => ({ option, not: whyNot(option) }));
  const taken = judged.flatMap(({ option, not }) => (not === null ? [option] : []));
  return {
    candidates: ranked(taken, from, settings),
    rejections: judged.flatMap(({ option: { server }, not }) =>
      not === null ? [] : [{ server, why: not.why, reason: wordsOf(not) }],
    ),
  };
}

/** The reasons in the log and in answers to orders. docs/runbook.md explains each. */
function wordsOf(not: WhyNot): string {
  switch (not.why) {
    case 'stays':
      return `the finding is ${not.finding}: the stream stays`;
    case 'lives':
      return `${not.server} lives: the stream goes on there`;
    case 'left':
      return 'the stream leaves this server';
    case 'just-switched':
      return `the last switch was ${formatDuration(not.agoMs)} ago (failover.cooldown is ${formatDuration(not.cooldownMs)})`;
    case 'just-lost':
      return `it was lost ${formatDuration(not.agoMs)} ago (failover.cooldown is ${formatDuration(not.cooldownMs)})`;
    case 'avoided':
      return 'it is in failover.avoid';
    case 'not-looked-at':
      return 'it has not been probed yet';
    case 'not-reached':
      return not.error ?? 'it does not answer';
    case 'not-healthy':
      return `it is ${not.finding}`;
    case 'delayed':
      return `it is delayed by ${formatSeconds(not.seconds)} on purpose`;
    case 'not-ahead':
      return 'it has no more than the server that the stream leaves';
    case 'no-failback':
      return 'failback is off (failover.failbackAfter)';
    case 'no-higher':
      return 'its priority is no higher';
    case 'healthy-too-short':
      return `it has been healthy for ${formatDuration(not.healthyMs)} (failover.failbackAfter is ${formatDuration(not.failbackAfterMs)})`;
  }
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
        // Of two whose replication is stopped this is NaN, which sorts them as equal.
        lagOf(a.option) - lagOf(b.option),
    );
  let rank = 0;
  return sorted.map(({ option, reserve }, index) => {
    const before = sorted[index - 1];
    if (before && (before.reserve !== reserve || before.option.priority !== option.priority)) rank += 1;
    return { server: option.server, rank, reserve };
  });
}

function delayOf({ evidence }: Option): number {
  return evidence?.replication?.delaySeconds ?? 0;
}

function whyNotReached({ evidence }: Option): WhyNot | null {
  if (evidence === null) return { why: 'not-looked-at' };
  return evidence.reachable ? null : { why: 'not-reached', error: evidence.error };
}

/** Nothing new comes from the server that is left. So this doesn't wait, and any server in a better state will do. */
function whyNotInstead(option: Option, from: string): WhyNot | null {
  if (option.server === from) return { why: 'left' };
  const unreached = whyNotReached(option);
  if (unreached !== null) return unreached;
  return isClusterFinding(option.finding) ? { why: 'not-healthy', finding: option.finding } : null;
}

/** The reason that holds back every switch that can wait. */
function whyNotNow(option: Option, from: string, settings: ChoiceSettings): WhyNot | null {
  if (option.server === from) return { why: 'left' };
  const { sinceSwitchMs, cooldownMs } = settings;
  if (sinceSwitchMs !== null && sinceSwitchMs < cooldownMs) {
    return { why: 'just-switched', agoMs: sinceSwitchMs, cooldownMs };
  }
  const { lostForMs } = option;
  if (lostForMs !== null && lostForMs < cooldownMs) {
    return { why: 'just-lost', agoMs: lostForMs, cooldownMs };
  }
  if (option.avoided) return { why: 'avoided' };
  const unreached = whyNotReached(option);
  if (unreached !== null) return unreached;
  if (option.finding !== 'healthy') return { why: 'not-healthy', finding: option.finding };
  return delayOf(option) > 0 ? { why: 'delayed', seconds: delayOf(option) } : null;
}

function whyNotAhead(
  option: Option,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): WhyNot | null {
  const not = whyNotNow(option, from, settings);
  if (not !== null) return not;
  const own = options.find(({ server }) => server === from);
  return own && isAhead(option, own) ? null : { why: 'not-ahead' };
}

function whyNotBack(
  option: Option,
  from: string,
  options: readonly Option[],
  settings: ChoiceSettings,
): WhyNot | null {
  const { failbackAfterMs } = settings;
  if (failbackAfterMs === null) return { why: 'no-failback' };
  const not = whyNotNow(option, from, settings);
  if (not !== null) return not;
  const own = options.find(({ server }) => server === from);
  if (own && !own.avoided && option.priority <= own.priority) return { why: 'no-higher' };
  const { healthyForMs } = option;
  return healthyForMs < failbackAfterMs
    ? { why: 'healthy-too-short', healthyMs: healthyForMs, failbackAfterMs }
    : null;
}
