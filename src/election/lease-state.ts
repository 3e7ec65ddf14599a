/**
 * Whether we lead, as a pure state machine: what a backend answered, and what our own clock (`uptimeMs`) says of it. All
 * backends, and the model tests, go by this.
 */

/** How a candidate stands, as the backend knows it. */
export type Standing =
  | {
      readonly mine: true;
      readonly token: number;
      /** Somebody has asked for another leader than us. */
      readonly asked: boolean;
    }
  | { readonly mine: false };

/** What a backend answered. */
export type LeaseAnswer = {
  /** When the question was sent, by our own clock: the backend's own count began no earlier. */
  readonly sentAt: number;
  /** How long, counted from the question on, nobody else may lead: milliseconds. */
  readonly timeoutMs: number;
  readonly standing: Standing;
};

/** Why a leadership is over. */
export type Ending =
  /** Our lease was not renewed in time. */
  | 'expired'
  /** The backend says that it is no longer ours. */
  | 'taken'
  /** Somebody asked for another leader, by `waymark leader`. */
  | 'asked'
  /** We gave up ourselves. */
  | 'resigned';

/** Where a candidate is. Times are of our own clock. */
export type LeaseState =
  | { readonly phase: 'waiting' }
  | { readonly phase: 'leading'; readonly token: number; readonly until: number }
  | { readonly phase: 'over'; readonly why: Ending };

export type LeaseEvent =
  | { readonly type: 'answer'; readonly answer: LeaseAnswer }
  | { readonly type: 'clock' }
  | { readonly type: 'resign' };

/** The state after an event. `over` is the end: whoever wants to lead again begins anew, as `waiting`. */
export function nextLeaseState(
  state: LeaseState,
  event: LeaseEvent,
  now: number,
  marginMs: number,
): LeaseState {
  if (state.phase === 'over') return state;
  // Whatever is told now, it came too late.
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
