import { messageOf } from '../../util/errors.js';
import { choose } from '../choice.js';
import { findingsOf } from '../findings.js';
import type { Action } from './action.js';
import { andThen, type Decision, decide, enter } from './decision.js';
import { finish } from './end.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { refuseMove } from './move.js';
import { choiceSettingsOf, noteLost, noteObstacle, optionsOf } from './memory.js';
import {
  contender,
  type Contender,
  failed,
  isAtRest,
  judge,
  reservesAreDue,
  type Search,
} from './contenders.js';
import type { Seek, StreamState } from './state.js';
import { judgedSince, suspect } from './suspicion.js';

/** The time for a single server before the others are tried as well. */
const aloneMs: Readonly<Record<NonNullable<Search['alone']>, number>> = {
  // The stream stands still meanwhile, and the target has shown that it can go on.
  target: 10_000,
  // It has nearly everything. If it hasn't, others may have more.
  shadow: 1000,
  reconnect: 5000,
  restart: 5000,
};

/** How long to hold back a place for a better member that is still being tried. */
const patienceMs = 200;

type Now = { readonly atMs: number; readonly wallMs: number };

/** The agent knows what was delivered. It tries the server that it was read from first, then the pool. Pure. */
export function resumed(state: StreamState, { before }: EventOf<'resumed'>): Decision {
  const seek: Seek = { loss: null, cause: 'unreachable', from: before, unfit: new Map() };
  return before === null ? tryPool(state, seek) : tryAlone(state, seek, before, 'restart');
}

/** Tries a single server, once. Pure. */
export function tryAlone(
  state: StreamState,
  seek: Seek,
  server: string,
  alone: NonNullable<Search['alone']>,
): Decision {
  const contenders = [contender({ server, rank: 0, reserve: false })];
  const search: Search = { contenders, alone, isHeldBack: false, isRefusalSaid: false };
  return decide(enter(state, { kind: 'proving', seek, search }), {
    ...{ do: 'try', server, inMs: 0, limitMs: aloneMs[alone] },
  });
}

/** Asks for a view of the pool, to choose the members to try. Pure. */
export function tryPool(state: StreamState, seek: Seek): Decision {
  return decide(enter(state, { kind: 'choosing', seek }), { do: 'survey' });
}

/** Chooses the members to try. Pure. */
export function surveyed(state: StreamState, event: EventOf<'surveyed'>): Decision {
  const { sights, atMs } = event;
  const { phase, memory } = state;
  if (phase.kind !== 'choosing') return decide(state);
  const { seek } = phase;
  const found = findingsOf({ sights, reading: null, stalledAfterMs: memory.settings.stalledAfterMs });
  const { candidates } = choose(
    seek.cause,
    seek.from ?? '',
    optionsOf(memory, found, atMs),
    choiceSettingsOf(memory, atMs),
  );
  const contenders = candidates.map((one) => contender(one, seek.unfit.get(one.server)));
  const withObstacles = contenders.reduce(
    (before, { server, standing }) =>
      standing.status === 'rejected' ? noteObstacle(before, server, standing.error.message) : before,
    state,
  );
  const search: Search = { contenders, alone: null, isHeldBack: false, isRefusalSaid: false };
  const begun = decide(withObstacles, ...attempts(contenders));
  return andThen(begun, (next) => settle(next, seek, search, event));
}

function attempts(contenders: readonly Contender[]): Action[] {
  return contenders.flatMap(({ server, standing }): Action[] =>
    standing.status === 'trying' ? [{ do: 'try', server, inMs: 0, limitMs: null }] : [],
  );
}

/** The search, while servers are being tried. */
function searchOf({ phase }: StreamState): { readonly seek: Seek; readonly search: Search } | null {
  if (phase.kind === 'proving') return phase;
  return phase.kind === 'waiting' && phase.why === 'pool' ? phase : null;
}

/** Takes over the result of a server that was tried, and decides. Pure. */
export function answered(
  state: StreamState,
  event: EventOf<'behind'> | EventOf<'proved'> | EventOf<'not-proved'>,
): Decision {
  const searching = searchOf(state);
  const before = searching?.search.contenders.find(({ server }) => server === event.server);
  if (searching === null || before === undefined) return decide(state);
  const { seek, search } = searching;
  const settleWith = (next: StreamState, changed: Contender): Decision => {
    const contenders = search.contenders.map((one) => (one === before ? changed : one));
    return settle(next, seek, { ...search, contenders }, event);
  };
  switch (event.type) {
    case 'proved':
      return settleWith(state, { ...before, standing: { status: 'ready' } });
    case 'behind': {
      const why = 'it still lacks what was delivered, and the agent waits for it';
      return settleWith(obstacle(state, search, event.server, why), {
        ...before,
        standing: { status: 'behind' },
      });
    }
    case 'not-proved': {
      const after = failed(before, event.error, search.alone !== null);
      return andThen(noteFailed(state, search, before, after, event.late), (next) => settleWith(next, after));
    }
  }
}

/** Logs why the stream can't go on from a server, and tries it again if that can help. */
function noteFailed(
  state: StreamState,
  search: Search,
  before: Contender,
  { server, standing, reported }: Contender,
  late: boolean,
): Decision {
  // Running out of time says nothing about the server.
  if (late) return decide(state);
  const again = standing.status === 'failing';
  const lines = reported === before.reported ? [] : [log.rejected(server, reported, again)];
  const retries: Action[] = again ? [{ do: 'try', server, inMs: before.waitMs, limitMs: null }] : [];
  return decide(obstacle(state, search, server, reported), ...lines, ...retries);
}

/** While a single server is tried, the others aren't considered, so no obstacles are shown. */
function obstacle(state: StreamState, { alone }: Search, server: string, reason: string): StreamState {
  return alone === null ? noteObstacle(state, server, reason) : state;
}

/** The wait is over. A place is no longer held back. Pure. */
export function patienceIsOver(state: StreamState): Decision {
  const { phase } = state;
  if (phase.kind !== 'proving') return decide(state);
  const verdict = judge(phase.search.contenders, false);
  return verdict.kind === 'take' ? take(state, verdict.server) : decide(state);
}

/** Tries the reserves if it is time for them, and decides. */
function settle(state: StreamState, seek: Seek, search: Search, now: Now): Decision {
  const verdict = judge(search.contenders, true);
  const reserves = reservesAreDue(search.contenders)
    ? search.contenders.filter(({ standing }) => standing.status === 'waiting')
    : [];
  const called = reserves.map((one): Contender => ({ ...one, standing: { status: 'trying' } }));
  const contenders = search.contenders.map(
    (one) => called.find(({ server }) => server === one.server) ?? one,
  );
  const next = goOn(state, seek, { ...search, contenders });
  switch (verdict.kind) {
    case 'take':
      return take(next, verdict.server);
    case 'give-up':
      return giveUp(next, seek, search, verdict.error, now);
    case 'go-on':
      return andThen(decide(next, ...attempts(called)), sayWhatIsWaitedFor);
  }
}

function goOn(state: StreamState, seek: Seek, search: Search): StreamState {
  return enter(
    state,
    isAtRest(search.contenders)
      ? { kind: 'waiting', why: 'pool', seek, search }
      : { kind: 'proving', seek, search },
  );
}

/** Holds back a place for a better member, or logs that no server can go on now. Each happens once. */
function sayWhatIsWaitedFor(state: StreamState): Decision {
  const searching = searchOf(state);
  if (searching === null) return decide(state);
  const { seek, search } = searching;
  if (search.contenders.some(({ standing }) => standing.status === 'ready')) {
    if (search.isHeldBack) return decide(state);
    return decide(goOn(state, seek, { ...search, isHeldBack: true }), { do: 'wait', ms: patienceMs });
  }
  if (search.isRefusalSaid || !isAtRest(search.contenders)) return decide(state);
  const reasons = search.contenders.map(({ server, standing }) => ({
    server,
    reason: 'error' in standing ? standing.error.message : '',
  }));
  return decide(goOn(state, seek, { ...search, isRefusalSaid: true }), log.nobodyCan(reasons));
}

function take(state: StreamState, server: string): Decision {
  return decide(state, { do: 'stop-trying' }, { do: 'take', server });
}

/** The stream can't go on from any server that was tried. Others are tried, or the stream ends. */
function giveUp(
  state: StreamState,
  seek: Seek,
  { contenders, alone }: Search,
  error: Error,
  now: Now,
): Decision {
  const { loss } = seek;
  const { atMs } = now;
  const stopped = decide(state, { do: 'stop-trying' });
  const server = contenders[0]?.server ?? '';
  const reason = messageOf(error);
  switch (alone) {
    case null:
      return loss === null ? andThen(stopped, (next) => giveUpStart(next, error)) : finish(state, error);
    case 'shadow':
      return andThen(
        stopped,
        (next) => decide(next, log.cantGoOn(server, reason)),
        (next) => refuseMove(next, reason, atMs),
        (next) => afterShadow(next, seek, now),
      );
    case 'restart':
      return andThen(
        stopped,
        (next) => decide(next, log.restartsElsewhere(server, reason)),
        (next) => tryPool(next, seek),
      );
    case 'target':
      return andThen(
        stopped,
        (next) => decide(next, log.cantGoOn(server, reason)),
        (next) => refuseMove(next, reason, atMs),
        (next) => tryAlone(next, seek, seek.from ?? '', 'reconnect'),
      );
    case 'reconnect':
      return andThen(
        stopped,
        (next) => decide(noteLost(next, server, atMs), log.cantGoOn(server, reason)),
        (next) => tryPool(next, seek),
      );
  }
}

/** The shadow couldn't go on. The server that was left lives, or why its stream ended is found out now. */
function afterShadow(state: StreamState, seek: Seek, { atMs, wallMs }: Now): Decision {
  const { lost } = seek;
  if (lost === undefined) return tryAlone(state, seek, seek.from ?? '', 'reconnect');
  return suspect(state, lost, { finding: 'stream-broken', since: wallMs }, judgedSince(lost.error, atMs));
}

/** No server has the place to begin. The sink's records decide what happens. */
function giveUpStart(state: StreamState, error: Error): Decision {
  return decide(enter(state, { kind: 'starting', led: true }), { do: 'give-up', error });
}

/** Begins the search anew if the operator has changed the pool. An added member is tried at once. Pure. */
export function searchAnew(state: StreamState): Decision {
  const searching = searchOf(state);
  if (searching?.search.alone !== null) return decide(state);
  return andThen(decide(state, { do: 'stop-trying' }), (next) => tryPool(next, searching.seek));
}
