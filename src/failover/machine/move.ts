import { messageOf } from '../../util/errors.js';
import { formatDuration } from '../../util/quantities.js';
import { refused } from '../switch.js';
import { shown } from './shown-state.js';
import { type Decision, decide, remember } from './decision.js';
import type { EventOf } from './event.js';
import { isLed, type Move, type StreamState } from './state.js';

/** Time limit for a member to show that the stream could go on from it, while the stream runs elsewhere. */
const rehearsalMs = 5000;

/** The operator has ordered a switch. Pure. */
export function ordered(state: StreamState, { order, target }: EventOf<'ordered'>): Decision {
  const { phase, memory } = state;
  const refuse = (reason: string): Decision =>
    decide(state, { do: 'answer', order, outcome: refused(target, [reason]) });
  if (!isLed(phase)) return refuse(whyNotRead(state));
  const names = memory.pool.map(({ name }) => name);
  if (!names.includes(target)) return refuse(`it is not a member of the pool (${names.join(', ')})`);
  if (phase.kind === 'reading' && phase.server === target) {
    return refuse('the stream reads from it already');
  }
  const inTheWay = whyNotMoved(state);
  if (inTheWay !== null) return refuse(inTheWay);
  return begin(state, { order, cause: 'planned', reasons: ['asked for'], target });
}

/**
 * Leaves a server whose stream runs: for the target, which must first show that it can go on, or for any suitable
 * member. Pure.
 */
export function moveAway(state: StreamState, call: Omit<Move, 'order' | 'stage'>, atMs: number): Decision {
  const inTheWay = whyNotMoved(state);
  const move = { ...call, order: null };
  return inTheWay === null ? begin(state, move) : noteRefusal(state, move, [inTheWay], atMs);
}

/** Leaves a server for a target that has shown already that it can go on. Pure. */
export function leaveAtOnce(state: StreamState, call: Omit<Move, 'order' | 'stage'>): Decision {
  return decide(remember(state, { move: { ...call, order: null, stage: 'leaving' } }), { do: 'leave' });
}

function begin(state: StreamState, move: Omit<Move, 'stage'>): Decision {
  const { target, order } = move;
  if (target === null) {
    return decide(remember(state, { move: { ...move, stage: 'leaving' } }), { do: 'leave' });
  }
  return decide(remember(state, { move: { ...move, stage: 'rehearsing' } }), {
    ...{ do: 'rehearse', order, server: target, limitMs: rehearsalMs },
  });
}

/** The target has shown that it can go on. Pure. */
export function rehearsed(state: StreamState): Decision {
  const { move } = state.memory;
  if (move?.stage !== 'rehearsing') return decide(state);
  return decide(remember(state, { move: { ...move, stage: 'leaving' } }), { do: 'leave' });
}

/** The target hasn't shown that it can go on. Pure. */
export function notRehearsed(state: StreamState, event: EventOf<'not-rehearsed'>): Decision {
  if (state.memory.move?.stage !== 'rehearsing') return decide(state);
  const late = `after ${formatDuration(rehearsalMs)} it still lacks what was delivered`;
  return refuseMove(state, event.behind ? late : messageOf(event.error), event.atMs);
}

/** Cancels the current move, if there is one. Pure. */
export function refuseMove(state: StreamState, reason: string, atMs: number): Decision {
  const { move } = state.memory;
  if (move === null) return decide(state);
  const over = remember(state, { move: null });
  const { order, target } = move;
  if (order === null) return noteRefusal(over, move, [reason], atMs);
  return decide(over, { do: 'answer', order, outcome: refused(target ?? anybody, [reason]) });
}

const anybody = 'another server';

/** A move of our own was refused. It isn't tried again at once. */
function noteRefusal(
  state: StreamState,
  { target, cause }: Pick<Move, 'target' | 'cause'>,
  reasons: readonly string[],
  atMs: number,
): Decision {
  const error = refused(target ?? anybody, reasons);
  const refusal = { atMs, reason: error.message };
  const refusals = new Map([...state.memory.refusals, [target ?? '', refusal]]);
  return decide(remember(state, { refusals }), {
    ...{ do: 'log', level: 'warn', message: error.message },
    fields: { event: 'switch.refused', to: target, finding: cause, ...error.details },
  });
}

/** Why the stream can't be moved now. Null if it can. */
function whyNotMoved({ phase, memory }: StreamState): string | null {
  if (memory.move !== null) return 'another switch is under way';
  if (phase.kind === 'reading') return null;
  return 'the stream does not run: the agent is looking for a place';
}

/** Why a stream that this agent doesn't lead can't be moved. */
function whyNotRead(state: StreamState): string {
  const { phase } = shown(state);
  switch (phase.kind) {
    case 'standby':
      return 'this agent stands by for the stream';
    case 'failed':
      return `the stream has failed: ${phase.reason}`;
    case 'stopped':
      return `the stream has stopped: ${phase.reason}`;
    case 'starting':
    case 'streaming':
    case 'searching':
      return 'the stream has not begun';
  }
}
