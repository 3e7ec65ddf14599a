import { isClusterFinding } from '../../mysql/cluster.js';
import type { WaymarkError } from '../../util/errors.js';
import { UnreadableError } from '../../tail/unreadable-error.js';
import { diagnose, isServerLost } from '../diagnosis.js';
import { nextStep, noteFailure, unfitFor, verdictOf } from '../unreadable-content.js';
import type { Action } from './action.js';
import { andThen, type Decision, decide, enter, remember } from './decision.js';
import { finish } from './end.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { refuseMove } from './move.js';
import { noteLost } from './memory.js';
import { tryAlone, tryPool } from './next-server.js';
import { provedShadow } from './shadow.js';
import { investigate, isolatedRetryMs, judgedSince, suspect } from './suspicion.js';
import type {
  Loss,
  LossDiagnosis,
  LostStream,
  Phase,
  Reading,
  Seek,
  Shown,
  Stand,
  StreamState,
} from './state.js';

/** After so many streams that broke without bringing anything, the server counts as lost, whatever the probe says. */
const brokenStreamsBorne = 3;

/**
 * The pause when streams from all servers break without bringing anything. The content of the log may be the cause.
 */
const brokenStreamsPauseMs = { first: 250, last: 5000 } as const;

/** The stream has ended by itself. The server becomes suspect, or the stream ends for good. Pure. */
export function streamEnded(state: StreamState, event: EventOf<'stream-ended'>): Decision {
  const { phase, memory } = state;
  if (phase.kind !== 'reading') return decide(state);
  const { server } = phase;
  const { error, atMs } = event;
  const moved =
    memory.move?.stage === 'left'
      ? refuseMove(state, `${server} was lost before it sent anything`, atMs)
      : decide(state);
  return andThen(moved, (next) => {
    if (error instanceof UnreadableError) return unreadable(next, phase, error, event);
    return isServerLost(error)
      ? andThen(decide(next, log.suspected(server, error)), (then) =>
          lose(then, phase, { error, step: null }, event),
        )
      : finish(next, error);
  });
}

/** A server's content can't be read. The agent asks it again, asks another one, or ends the stream. */
function unreadable(
  state: StreamState,
  reading: Reading,
  error: UnreadableError,
  event: EventOf<'stream-ended'>,
): Decision {
  const { server } = reading;
  const content = noteFailure(state.memory.unreadable, server, error);
  const names = state.memory.pool.map(({ name }) => name);
  const step = nextStep(server, content.failures, names);
  return andThen(decide(remember(state, { unreadable: content }), log.suspected(server, error)), (next) =>
    step === 'end' ? finish(next, verdictOf(content, error)) : lose(next, reading, { error, step }, event),
  );
}

/** The stream is lost. Begins to find out why. */
function lose(
  state: StreamState,
  { server, heard }: Reading,
  { error, step }: Pick<LostStream, 'error' | 'step'>,
  { atMs, wallMs, lastHeardAtMs, stand }: EventOf<'stream-ended'>,
): Decision {
  const lost: LostStream = { server, error, step, stand, lastHeardAtMs: lastHeardAtMs ?? atMs };
  const renewals: Action[] = isIdTaken(error, heard) ? [{ do: 'renew-server-id', server, error }] : [];
  // Streams that break again and again without bringing anything may break there, too.
  const isOnce = state.memory.brokenInARow < brokenStreamsBorne;
  const shadow = step === null && isOnce ? provedShadow(state.memory) : null;
  return andThen(
    refuseMove(state, `the stream from ${server} was lost meanwhile`, atMs),
    (next) => decide(next, ...renewals, { do: 'stop-trying' }),
    (next) =>
      shadow === null
        ? suspect(next, lost, { finding: 'stream-broken', since: wallMs }, judgedSince(error, atMs))
        : goOver(next, lost, shadow, { atMs, wallMs }),
  );
}

/** The stream goes over to its shadow at once. Why its server was lost is found out while it is read there. */
function goOver(state: StreamState, lost: LostStream, shadow: string, now: Now): Decision {
  const { server, lastHeardAtMs, stand } = lost;
  const loss: Loss = {
    ...{ server, cause: 'stream-broken', lastHeardAtMs },
    ...{ foundAtMs: now.atMs, since: now.wallMs },
  };
  const counted = remember(state, { brokenInARow: state.memory.brokenInARow + 1 });
  const known = noteLost(counted, server, now.atMs);
  const seek = { ...seekOf(known, loss, stand, null), lost };
  return andThen(decide(known, log.wentOver(server, shadow, stand)), (next) =>
    tryAlone(next, seek, shadow, 'shadow'),
  );
}

/**
 * All servers have been probed, so the finding is made. While none can be reached, they are probed again and again,
 * because then nothing can be said about the server. Pure.
 */
export function looked(state: StreamState, event: EventOf<'looked'>): Decision {
  const { phase, memory } = state;
  if (phase.kind !== 'suspecting') return decide(state);
  const { lost, retryMs, wasIsolated } = phase;
  const { server } = lost;
  const diagnosis = diagnose({
    server,
    stream: { error: lost.error.message, silentMs: event.atMs - lost.lastHeardAtMs },
    sights: [event.own, ...event.others],
    stalledAfterMs: memory.settings.stalledAfterMs,
  });
  const { finding, reasons } = diagnosis;
  const isIsolated = finding === 'isolated';
  // A network comes back piece by piece. Look once more before blaming the server.
  const isFinal = !isIsolated && (finding !== 'unreachable' || !wasIsolated);
  if (isFinal) {
    return pauseOrGoOn(state, lost, phase.shown, { ...diagnosis, probe: event.probe }, event);
  }
  const isNews = isIsolated && retryMs === isolatedRetryMs.first;
  const waiting: Phase = {
    ...{ kind: 'waiting', why: 'network', lost, wasIsolated: isIsolated },
    shown: isNews ? { finding, since: event.wallMs } : phase.shown,
    retryMs: Math.min(retryMs * 2, isolatedRetryMs.last),
  };
  const lines = isNews ? [log.isolated(server, reasons)] : [];
  return decide(enter(state, waiting), ...lines, {
    do: 'wait',
    ms: isIsolated ? retryMs : isolatedRetryMs.first,
  });
}

type Now = { readonly atMs: number; readonly wallMs: number };

function pauseOrGoOn(
  state: StreamState,
  lost: LostStream,
  shown: Shown,
  diagnosis: LossDiagnosis,
  now: Now,
): Decision {
  const brokenInARow = state.memory.brokenInARow + 1;
  const counted = remember(state, { brokenInARow });
  const surplus = brokenInARow - brokenStreamsBorne - 1;
  if (surplus <= 0) return goOn(counted, lost, diagnosis, now);
  const { first, last } = brokenStreamsPauseMs;
  return decide(enter(counted, { kind: 'waiting', why: 'pause', lost, shown, diagnosis }), {
    do: 'wait',
    ms: Math.min(first * 2 ** surplus, last),
  });
}

/** The wait is over. The agent probes all servers again, or the stream goes on. Pure. */
export function waitIsOver(state: StreamState, now: Now): Decision {
  const { phase } = state;
  if (phase.kind !== 'waiting') return decide(state);
  switch (phase.why) {
    case 'network': {
      const { lost, shown, retryMs, wasIsolated } = phase;
      const again: Phase = { kind: 'suspecting', lost, shown, retryMs, wasIsolated };
      return investigate(enter(state, again), lost, now.atMs);
    }
    case 'pause':
      return goOn(state, phase.lost, phase.diagnosis, now);
    case 'pool':
      return decide(state);
  }
}

/** The cause is known. If only the stream broke, the same server is tried alone first. Else the pool is. */
function goOn(state: StreamState, lost: LostStream, diagnosis: LossDiagnosis, now: Now): Decision {
  const { memory } = state;
  const { server, step, stand } = lost;
  const again = step === null ? memory.brokenInARow <= brokenStreamsBorne : step === 'again';
  const reconnects = diagnosis.finding === 'stream-broken' && again;
  const known = reconnects ? state : noteLost(state, server, now.atMs);
  const loss: Loss = {
    ...{ server, cause: diagnosis.finding, lastHeardAtMs: lost.lastHeardAtMs },
    ...{ foundAtMs: now.atMs, since: now.wallMs },
  };
  const seek = seekOf(known, loss, lost.stand, null);
  const said = decide(known, log.lost(server, diagnosis, reconnects, stand));
  return andThen(said, (next) =>
    reconnects ? tryAlone(next, seek, server, 'reconnect') : tryPool(next, seek),
  );
}

/** The stream has ended as intended. It goes on where the move leads. Pure. */
export function streamLeft(state: StreamState, event: EventOf<'stream-left'>): Decision {
  const { phase, memory } = state;
  const { move } = memory;
  if (phase.kind !== 'reading' || move === null) return decide(state);
  const { server } = phase;
  const { atMs, wallMs, stand } = event;
  const { cause, target } = move;
  const isOver = cause === 'silent' || cause === 'lagging';
  const isLost = isOver || cause === 'stalled' || cause === 'rebuilt';
  const noted = isLost ? noteLost(state, server, atMs) : state;
  const next = remember(noted, { move: { ...move, stage: 'left' } });
  const loss: Loss = {
    ...{ server, cause, lastHeardAtMs: event.lastHeardAtMs ?? atMs },
    ...{ foundAtMs: atMs, since: wallMs },
  };
  const seek = seekOf(next, loss, stand, target);
  return andThen(decide(next, log.left(server, move, stand)), (then) =>
    target === null ? tryPool(then, seek) : tryAlone(then, seek, target, isOver ? 'shadow' : 'target'),
  );
}

function seekOf({ memory }: StreamState, loss: Loss, stand: Stand, target: string | null): Seek {
  const { server, cause } = loss;
  return {
    loss,
    // If a single server couldn't go on, the others are asked as if it were unreachable. So are all of a cluster, which
    // may be in trouble as a whole for a moment.
    cause: target !== null || cause === 'stream-broken' || isClusterFinding(cause) ? 'unreachable' : cause,
    from: server,
    unfit: unfitFor(memory.unreadable, stand.hint?.display ?? null, stand.sequence),
  };
}

/** ER_SLAVE_SAME_ID (MariaDB Error Codes). */
const sameIdNumber = 4052;
/** ER_MASTER_FATAL_ERROR_READING_BINLOG: for a stream that had begun well, this is the usual meaning. */
const fatalReadingNumber = 1236;

/**
 * Whether a stream ended as it does when another reader uses our server id. A server ends the older of two streams
 * with the same id, MariaDB with 4052, MySQL with 1236. Then we take another id. If the cause was something else,
 * that does no harm. Pure.
 * @param hadBegun whether anything had come on the stream that ended with this error.
 */
export function isIdTaken({ details }: WaymarkError, hadBegun: boolean): boolean {
  const number = details['errorNumber'];
  return number === sameIdNumber || (number === fatalReadingNumber && hadBegun);
}
