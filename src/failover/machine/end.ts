import { hasCode, messageOf } from '../../util/errors.js';
import { refused } from '../switch.js';
import type { Action } from './action.js';
import { type Decision, decide, enter } from './decision.js';
import type { EndOf, EventOf } from './event.js';
import { ledAnew, type StreamState } from './state.js';

/** The stream ends: on request, because the lease is lost, or by an error. Later events change nothing. Pure. */
export function finish(state: StreamState, error: unknown): Decision {
  const { phase, memory } = state;
  if (phase.kind === 'stopping') return decide(state);
  const { move, lastRead } = memory;
  const order = move?.order ?? null;
  const outcome = refused(move?.target ?? '', ['the agent is stopping']);
  const answers: Action[] = order === null ? [] : [{ do: 'answer', order, outcome }];
  // An agent that no longer leads writes nothing more.
  const saves = lastRead !== null && !hasCode(error, 'not-leader');
  return decide(
    { phase: { kind: 'stopping', reason: messageOf(error) }, memory: { ...memory, move: null } },
    { do: 'stop-trying' },
    ...answers,
    ...(saves ? [{ do: 'save-last' } as const] : []),
    { do: 'end', error },
  );
}

/**
 * Everything is closed. If only the leadership has ended, the agent stands by again. Else the stream has ended. Pure.
 */
export function closed(state: StreamState, { error, end, wallMs }: EventOf<'closed'>): Decision {
  if (!endsLeadershipOnly(error, end)) {
    return decide(enter(state, { kind: 'stopping', reason: messageOf(error) }));
  }
  const memory = { ...ledAnew(state.memory), failed: null };
  return decide({ phase: { kind: 'standing-by', since: wallMs, leader: null }, memory });
}

/** Whether another agent leads now, or is about to. Then an error is no failure of the stream. */
function endsLeadershipOnly(error: unknown, end: EndOf): boolean {
  if (end.leaseLost || hasCode(error, 'not-leader') || isStoreAway(error, end)) return true;
  // Another agent has written the checkpoint, so it must be the leader.
  return end.token > 0 && hasCode(error, 'checkpoint-conflict');
}

/** Whether the checkpoint store can't be reached now, and may be later. Pure. */
export function isStoreAway(error: unknown, { storeIsRemote }: Pick<EndOf, 'storeIsRemote'>): boolean {
  return storeIsRemote && hasCode(error, 'checkpoint-store');
}

/** The stream was given up, for good or until it is tried again. Pure. */
export function halted(state: StreamState, { reason, retry }: EventOf<'halted'>): Decision {
  const memory = { ...ledAnew(state.memory), failed: retry && { reason, retry } };
  return decide(enter({ ...state, memory }, { kind: 'halted', reason, retry }));
}
