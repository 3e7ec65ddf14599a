import type { Logger } from 'pino';
import { sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { type CandidateOptions, type Place, tryCandidate } from './candidate.js';
import type { Member } from './pool.js';

/** A member to try, and how long to leave it alone first. */
export type Contender = {
  readonly member: Member;
  readonly delayMs: number;
  /** Not again, whatever it fails of. */
  readonly once?: true;
};

/** What has become of a member in a search. */
export type Standing =
  | { readonly status: 'trying' }
  | { readonly status: 'ready'; readonly place: Place }
  /** Can change by itself: it is tried again. */
  | { readonly status: 'failing'; readonly error: Error }
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

/**
 * Decides, of all members' standings, highest priority first. Pure. A place is taken as soon as there is one; the
 * search is given up when every member has been tried and one of them differs from what was delivered (or there is no
 * trail to hold against anything), or none can ever do.
 */
export function judge(standings: readonly Standing[]): Verdict {
  const ready = standings.find((standing) => standing.status === 'ready');
  if (ready) return { kind: 'take', place: ready.place };
  if (standings.some(({ status }) => status === 'trying')) return { kind: 'go-on' };
  const errors = standings.flatMap((standing) => ('error' in standing ? [standing.error] : []));
  const halting = errors.find((error) => haltingCodes.some((code) => hasCode(error, code)));
  if (halting) return { kind: 'give-up', error: halting };
  if (standings.every(({ status }) => status === 'rejected')) {
    return { kind: 'give-up', error: noCandidate(errors) };
  }
  return { kind: 'go-on' };
}

function noCandidate(errors: readonly Error[]): Error {
  const [only, ...others] = errors;
  if (only && others.length === 0) return only;
  return new WaymarkError(
    'no-candidate',
    `No server of the pool can go on with the stream:${errors.map((error) => `\n  - ${error.message}`).join('')}`,
    { cause: only, details: { reasons: errors.map((error) => error.message) } },
  );
}

/** Whether trying again can help without anybody doing anything. */
function isTransient(error: unknown): boolean {
  return (
    hasCode(error, 'server-unreachable') ||
    hasCode(error, 'stream-broken') ||
    hasCode(error, 'stream-silent') ||
    hasCode(error, 'unsuitable-server') ||
    hasCode(error, 'checksum')
  );
}

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
  const standings: Standing[] = contenders.map(() => ({ status: 'trying' }));
  let refusalLogged = false;
  try {
    return await new Promise<Place>((resolve, reject) => {
      const settle = (index: number, standing: Standing): void => {
        standings[index] = standing;
        const verdict = judge(standings);
        if (verdict.kind === 'take') resolve(verdict.place);
        else if (verdict.kind === 'give-up') reject(verdict.error);
        else if (!refusalLogged && standings.every(({ status }) => status !== 'trying')) {
          refusalLogged = true;
          logRefusal(options.logger, contenders, standings);
        }
      };
      const runs = contenders.map((contender, index) =>
        keepTrying(contender, options, trying, (standing) => {
          settle(index, standing);
        }),
      );
      Promise.all(runs).catch(reject);
    });
  } finally {
    ended.abort();
  }
}

async function keepTrying(
  { member, delayMs, once }: Contender,
  options: CandidateOptions,
  signal: AbortSignal,
  report: (standing: Standing) => void,
): Promise<void> {
  if (delayMs > 0) {
    report({
      status: 'failing',
      error: new WaymarkError('server-unreachable', `${member.name} has just been lost`),
    });
    await sleep(delayMs, signal);
  }
  let reported = '';
  for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
    try {
      report({ status: 'ready', place: await tryCandidate(member, options, signal) });
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      const known = error instanceof Error ? error : new Error(String(error));
      const transient = !once && isTransient(error);
      const reason = messageOf(error);
      if (reason !== reported) {
        options.logger.warn(
          { event: 'candidate.rejected', server: member.name, reason, again: transient },
          `${member.name} can't go on with the stream: ${reason}`,
        );
      }
      reported = reason;
      report({ status: transient ? 'failing' : 'rejected', error: known });
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
