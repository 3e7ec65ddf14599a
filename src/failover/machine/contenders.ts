import { type ErrorCode, hasCode, messageOf, WaymarkError } from '../../util/errors.js';
import { boundedAttempts, patienceWith } from '../../resume/retries.js';

/** The state of a member in a search. */
export type ContenderState =
  /** A reserve that has not been called. */
  | { readonly status: 'waiting' }
  | { readonly status: 'trying' }
  /** It still lacks what was delivered, or the hint. The agent waits for it, and tries the others meanwhile. */
  | { readonly status: 'behind' }
  | { readonly status: 'ready' }
  /**
   * It failed in a way that can change by itself. It is tried again. `spent`: a temporary error has come so often
   * that the agent doesn't wait for this member alone.
   */
  | { readonly status: 'failing'; readonly error: Error; readonly spent?: boolean }
  /** It failed in a way that won't change by itself. */
  | { readonly status: 'rejected'; readonly error: Error };

/** A member to try, with its state. */
export type Contender = {
  readonly server: string;
  /** Lower is better. */
  readonly rank: number;
  /** Not tried while any other is still being tried. */
  readonly reserve: boolean;
  readonly standing: ContenderState;
  /** Failed attempts with temporary errors. */
  readonly attempts: number;
  /** The pause before the next attempt. */
  readonly waitMs: number;
  /** The last reason that was logged. */
  readonly reported: string;
};

/** A search for the place to go on. */
export type Search = {
  /** Best first. */
  readonly contenders: readonly Contender[];
  /** Set if a single server is tried, once: the reason. */
  readonly alone: 'target' | 'shadow' | 'reconnect' | 'restart' | null;
  /** Whether a place is being held back for a better member. */
  readonly isHeldBack: boolean;
  /** Whether the log says already that no server can go on now. */
  readonly isRefusalSaid: boolean;
};

/** The decision of a search, from the states of its members. */
export type Verdict =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'take'; readonly server: string }
  | { readonly kind: 'give-up'; readonly error: Error };

/** The pause after an attempt. It doubles with each. */
const retryMs = { first: 250, last: 5000 } as const;

/** A member that hasn't been tried yet. Pure. */
export function contender(
  { server, rank, reserve }: Pick<Contender, 'server' | 'rank' | 'reserve'>,
  unfit?: Error,
): Contender {
  const standing: ContenderState = unfit
    ? { status: 'rejected', error: unfit }
    : { status: reserve ? 'waiting' : 'trying' };
  return { server, rank, reserve, standing, attempts: 0, waitMs: retryMs.first, reported: '' };
}

/**
 * The state of a member after a failure. Pure.
 * @param once whether it is tried only once, whatever the error.
 */
export function failed(before: Contender, error: unknown, once: boolean): Contender {
  const known = error instanceof Error ? error : new Error(String(error));
  const patience = once ? 'none' : patienceWith(error);
  const attempts = patience === 'bounded' ? before.attempts + 1 : 0;
  const waitMs = Math.min(before.waitMs * 2, retryMs.last);
  const next = { ...before, attempts, waitMs, reported: messageOf(error) };
  switch (patience) {
    case 'none':
      return { ...next, standing: { status: 'rejected', error: known } };
    case 'endless':
      return { ...next, standing: { status: 'failing', error: known } };
    case 'bounded':
      return {
        ...next,
        standing: { status: 'failing', error: known, spent: attempts >= boundedAttempts },
      };
  }
}

/** With these errors no server can have the place, however long the agent waits. */
const haltingCodes = ['diverged', 'no-trail'] as const;

function isHalting(error: Error): error is WaymarkError {
  return haltingCodes.some((code) => hasCode(error, code));
}

/**
 * Decides by the states of all members, best first. Pure. A place is taken as soon as there is one, unless `patient`
 * and a better member is still being tried. The search is given up when every member has been tried and one of them
 * differs from what was delivered (or there is no trail to compare), or none can ever go on.
 */
export function judge(
  contenders: readonly Pick<Contender, 'server' | 'rank' | 'standing'>[],
  patient = false,
): Verdict {
  for (const { server, rank, standing } of contenders) {
    if (standing.status !== 'ready') continue;
    const better = contenders.some((other) => other.rank < rank && other.standing.status === 'trying');
    return patient && better ? { kind: 'go-on' } : { kind: 'take', server };
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

/** Whether a result for the member is due soon, or none has come yet. */
function isUndecided(standing: ContenderState): boolean {
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

function isSpent(standing: ContenderState): boolean {
  return standing.status === 'failing' && standing.spent === true;
}

/** Whether to try the reserves: none of the others is being tried or ready. Pure. */
export function reservesAreDue(contenders: readonly Pick<Contender, 'reserve' | 'standing'>[]): boolean {
  return contenders.every(
    ({ reserve, standing: { status } }) => reserve || (status !== 'trying' && status !== 'ready'),
  );
}

/** Whether no member can go on now and none is being tried. Pure. */
export function isAtRest(contenders: readonly Pick<Contender, 'standing'>[]): boolean {
  return contenders.every(({ standing: { status } }) => status === 'failing' || status === 'rejected');
}

function noCandidate(errors: readonly Error[]): Error {
  const [only, ...others] = errors;
  if (only && others.length === 0) return only;
  return new WaymarkError(
    'no-candidate',
    `The stream can't go on from any server of the pool:${errors.map((error) => `\n  - ${error.message}`).join('')}`,
    {
      cause: only,
      details: { reasons: errors.map((error) => error.message), codes: errors.map(codeOf) },
    },
  );
}

/** An error that ends the search although other members may still come back. Its details say which. */
function besideFailing(error: WaymarkError, standings: readonly ContenderState[]): WaymarkError {
  const failing = standings.flatMap((one) => (one.status === 'failing' ? [codeOf(one.error)] : []));
  if (failing.length === 0) return error;
  const { code, message, details } = error;
  return new WaymarkError(code, message, { cause: error, details: { ...details, failing } });
}

function codeOf(error: Error): ErrorCode | null {
  return error instanceof WaymarkError ? error.code : null;
}
