/**
 * Decides whether this agent leads, as a pure state machine. It goes by a backend's answers and this agent's own clock
 * (`uptimeMs`). All backends and the model tests use it.
 */

/** A participant's standing, as the backend knows it. */
export type Standing =
  | {
      readonly mine: true;
      readonly token: number;
      /** Whether somebody has asked for another leader. */
      readonly asked: boolean;
    }
  | { readonly mine: false };

/** A backend's answer to an attempt. */
export type LeaseAnswer = {
  /** When the attempt was sent, by this agent's clock. The backend began to count no earlier. */
  readonly sentAt: number;
  /** For how many milliseconds after `sentAt` nobody else may lead. */
  readonly timeoutMs: number;
  readonly standing: Standing;
};

/** Why a leadership has ended. */
export type Ending =
  /** The lease was not renewed in time. */
  | 'expired'
  /** The backend says that another agent has the lease, or nobody. */
  | 'taken'
  /** Somebody asked for another leader (`waymark leader`). */
  | 'asked'
  /** This agent gave up. */
  | 'resigned';

/** What a participant knows of its lease. `until` is a time of its own clock. */
export type LeaseState =
  | { readonly phase: 'waiting' }
  | { readonly phase: 'leading'; readonly token: number; readonly until: number }
  | { readonly phase: 'over'; readonly why: Ending };

/** What can change the state: a backend's answer, time that has passed, or this agent giving up. */
export type LeaseEvent =
  | { readonly type: 'answer'; readonly answer: LeaseAnswer }
  | { readonly type: 'clock' }
  | { readonly type: 'resign' };

/** Returns the state after an event. `over` is final: to lead again, begin again with `waiting`. */
export function nextLeaseState(
  state: LeaseState,
  event: LeaseEvent,
  now: number,
  marginMs: number,
): LeaseState {
  if (state.phase === 'over') return state;
  // Whatever the event says, it comes too late.
  if (state.phase === 'leading' && now >= state.until) return { phase: 'over', why: 'expired' };
  switch (event.type) {
    case 'clock':
      return state;
    case 'resign':
      return { phase: 'over', why: 'resigned' };
    case 'answer':
      return answered(state, event.answer, now, marginMs);
  }
}

function answered(
  state: Exclude<LeaseState, { phase: 'over' }>,
  { sentAt, timeoutMs, standing }: LeaseAnswer,
  now: number,
  marginMs: number,
): LeaseState {
  if (!standing.mine) return state.phase === 'leading' ? { phase: 'over', why: 'taken' } : state;
  if (standing.asked) return { phase: 'over', why: 'asked' };
  const until = sentAt + timeoutMs - marginMs;
  if (state.phase === 'waiting') {
    return now < until ? { phase: 'leading', token: standing.token, until } : state;
  }
  if (standing.token !== state.token) return { phase: 'over', why: 'taken' };
  // Answers may overtake each other.
  return { ...state, until: Math.max(state.until, until) };
}
