import type { Logger } from 'pino';
import { abortable } from '../util/abortable.js';
import { sleep } from '../util/async.js';
import { type ErrorCode, hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { type CandidateOptions, type Place, tryCandidate } from './candidate.js';
import { boundedAttempts, patienceWith } from './patience.js';
import type { Member } from './pool.js';

/** A member to try. */
export type Contender = {
  readonly member: Member;
  /** Lower is better. */
  readonly rank: number;
  /** Left alone until none of the others is being tried any more. */
  readonly reserve?: boolean;
  /** Not again, whatever it fails of. */
  readonly once?: true;
  /** Not at all, for this reason. */
  readonly unfit?: Error;
};

/** What has become of a member in a search. */
export type Standing =
  /** A reserve that has not been called. */
  | { readonly status: 'waiting' }
  | { readonly status: 'trying' }
  /** It lacks what was delivered, or the hint: waited for, and the others meanwhile. */
  | { readonly status: 'behind' }
  | { readonly status: 'ready'; readonly place: Place }
  /**
   * Can change by itself: it is tried again. `spent`, of what may be over in a moment: whether it has been tried so often
   * that it isn't waited for when nobody else is.
   */
  | { readonly status: 'failing'; readonly error: Error; readonly spent?: boolean }
  /** Won't change by itself. */
  | { readonly status: 'rejected'; readonly error: Error };

/** What a search comes to, from what the members have come to. */
export type Verdict =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'take'; readonly place: Place }
  | { readonly kind: 'give-up'; readonly error: Error };

/** These say that nobody can say where to go on, however long one waits. */
const haltingCodes = ['diverged', 'no-trail'] as const;

const retryMs = { first: 250, last: 5000 } as const;

function isHalting(error: Error): error is WaymarkError {
  return haltingCodes.some((code) => hasCode(error, code));
}

/** A member's standing and its rank. */
export type Ranked = { readonly rank: number; readonly standing: Standing };

/**
 * Decides, of all members' standings, best first. Pure. A place is taken as soon as there is one, unless `patient`
 * and a better member is still being tried; the search is given up when every member has been tried and one of them
 * differs from what was delivered (or there is no trail to hold against anything), or none can ever do.
 */
export function judge(contenders: readonly Ranked[], patient = false): Verdict {
  for (const { rank, standing } of contenders) {
    if (standing.status !== 'ready') continue;
    const better = contenders.some((other) => other.rank < rank && other.standing.status === 'trying');
    return patient && better ? { kind: 'go-on' } : { kind: 'take', place: standing.place };
  }
  const standings = contenders.map(({ standing }) => standing);
  if (standings.some(isUndecided)) return { kind: 'go-on' };
  const errors = standings.flatMap((standing) => ('error' in standing ? [standing.error] : []));
  const halting = errors.find((error) => isHalting(error));
  if (halting) return { kind: 'give-up', error: besideFailing(halting, standings) };
  if (standings.every((standing) => standing.status === 'rejected' || isSpent(standing))) {
    return { kind: 'give-up', error: noCandidate(errors) };
  }
  return { kind: 'go-on' };
}

/** Whether something is to be heard of the member in a moment, or nothing has been yet. */
function isUndecided(standing: Standing): boolean {
  switch (standing.status) {
    case 'trying':
    case 'behind':
    case 'waiting':
      return true;
    case 'failing':
      return standing.spent === false;
    case 'ready':
    case 'rejected':
      return false;
  }
}

function isSpent(standing: Standing): boolean {
  return standing.status === 'failing' && standing.spent === true;
}

/** Whether the reserves are called: none of the others is being tried, or ready. Pure. */
export function reservesAreDue(contenders: readonly Contender[], standings: readonly Standing[]): boolean {
  return contenders.every(({ reserve }, index) => {
    const status = standings[index]?.status;
    return reserve === true || (status !== 'trying' && status !== 'ready');
  });
}

function noCandidate(errors: readonly Error[]): Error {
  const [only, ...others] = errors;
  if (only && others.length === 0) return only;
  return new WaymarkError(
    'no-candidate',
    `No server of the pool can go on with the stream:${errors.map((error) => `\n  - ${error.message}`).join('')}`,
    {
      cause: only,
      details: { reasons: errors.map((error) => error.message), codes: errors.map(codeOf) },
    },
  );
}

/** An error that ends the search although others may still come back: its details say what of. */
function besideFailing(error: WaymarkError, standings: readonly Standing[]): WaymarkError {
  const failing = standings.flatMap((one) => (one.status === 'failing' ? [codeOf(one.error)] : []));
  if (failing.length === 0) return error;
  const { code, message, details } = error;
  return new WaymarkError(code, message, { cause: error, details: { ...details, failing } });
}

function codeOf(error: Error): ErrorCode | null {
  return error instanceof WaymarkError ? error.code : null;
}

/** How long a place is held back for a better member that is still being tried. */
const patienceMs = 200;

/**
 * Tries all contenders at once until one is ready, again and again where trying again can help.
 * @throws the error of {@link judge} when it gives up, and the signal's reason.
 */
export async function searchPool(
  contenders: readonly Contender[],
  options: CandidateOptions,
  signal: AbortSignal,
): Promise<Place> {
  const ended = new AbortController();
  const trying = AbortSignal.any([signal, ended.signal]);
  const standings = contenders.map(standingAtFirst);
  const waiting: (() => void)[] = [];
  const callReserves = (): void => {
    if (reservesAreDue(contenders, standings)) for (const call of waiting.splice(0)) call();
  };
  let patience: NodeJS.Timeout | undefined;
  let refusalLogged = false;
  try {
    return await new Promise<Place>((resolve, reject) => {
      const decide = (patient: boolean): void => {
        const ranked = contenders.flatMap(({ rank }, index) => {
          const standing = standings[index];
          return standing ? [{ rank, standing }] : [];
        });
        const verdict = judge(ranked, patient);
        if (verdict.kind === 'take') resolve(verdict.place);
        else if (verdict.kind === 'give-up') reject(verdict.error);
        else if (standings.some(({ status }) => status === 'ready')) {
          patience ??= setTimeout(decide, patienceMs, false);
        } else if (
          !refusalLogged &&
          standings.every(({ status }) => status === 'failing' || status === 'rejected')
        ) {
          refusalLogged = true;
          logRefusal(options.logger, contenders, standings);
        }
      };
      const settle = (index: number, standing: Standing): void => {
        standings[index] = standing;
        callReserves();
        decide(true);
      };
      const runs = contenders.map(async (contender, index) => {
        if (contender.unfit) return;
        if (contender.reserve) {
          const called = new Promise<void>((call) => waiting.push(call));
          await abortable(called, trying);
          settle(index, { status: 'trying' });
        }
        await keepTrying(contender, options, trying, (standing) => {
          settle(index, standing);
        });
      });
      callReserves();
      decide(true);
      Promise.all(runs).catch(reject);
    });
  } finally {
    clearTimeout(patience);
    ended.abort();
  }
}

function standingAtFirst({ reserve, unfit }: Contender): Standing {
  if (unfit) return { status: 'rejected', error: unfit };
  return { status: reserve ? 'waiting' : 'trying' };
}

async function keepTrying(
  { member, once }: Contender,
  options: CandidateOptions,
  signal: AbortSignal,
  report: (standing: Standing) => void,
): Promise<void> {
  let reported = '';
  let attempts = 0;
  const onBehind = (): void => {
    options.onObstacle?.(member, "it doesn't have yet what was delivered, and is waited for");
    report({ status: 'behind' });
  };
  for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
    try {
      report({ status: 'ready', place: await tryCandidate(member, { ...options, onBehind }, signal) });
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      const known = error instanceof Error ? error : new Error(String(error));
      const patience = once ? 'none' : patienceWith(error);
      attempts = patience === 'bounded' ? attempts + 1 : 0;
      const transient = patience !== 'none';
      const reason = messageOf(error);
      options.onObstacle?.(member, reason);
      if (reason !== reported) {
        options.logger.warn(
          { event: 'candidate.rejected', server: member.name, reason, again: transient },
          `${member.name} can't go on with the stream: ${reason}`,
        );
      }
      reported = reason;
      if (!transient) report({ status: 'rejected', error: known });
      else if (patience === 'endless') report({ status: 'failing', error: known });
      else report({ status: 'failing', error: known, spent: attempts >= boundedAttempts });
      if (!transient) return;
    }
    await sleep(waitMs, signal);
  }
}

function logRefusal(logger: Logger, contenders: readonly Contender[], standings: readonly Standing[]): void {
  const reasons = standings.map((standing, index) => ({
    server: contenders[index]?.member.name ?? '',
    reason: 'error' in standing ? standing.error.message : '',
  }));
  logger.error(
    { event: 'failover.refused', reasons },
    'No server of the pool can go on with the stream now; trying again until one can',
  );
}
