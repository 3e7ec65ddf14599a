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
export type Answer = {
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
export type Hold =
  | { readonly phase: 'waiting' }
  | { readonly phase: 'leading'; readonly token: number; readonly until: number }
  | { readonly phase: 'over'; readonly why: Ending };

export type HoldEvent =
  | { readonly type: 'answer'; readonly answer: Answer }
  | { readonly type: 'clock' }
  | { readonly type: 'resign' };

/** The state after an event. `over` is the end: whoever wants to lead again begins anew, as `waiting`. */
export function transition(hold: Hold, event: HoldEvent, now: number, marginMs: number): Hold {
  if (hold.phase === 'over') return hold;
  // Whatever is told now, it came too late.
  if (hold.phase === 'leading' && now >= hold.until) return { phase: 'over', why: 'expired' };
  switch (event.type) {
    case 'clock':
      return hold;
    case 'resign':
      return { phase: 'over', why: 'resigned' };
    case 'answer':
      return answered(hold, event.answer, now, marginMs);
  }
}

function answered(
  hold: Exclude<Hold, { phase: 'over' }>,
  { sentAt, timeoutMs, standing }: Answer,
  now: number,
  marginMs: number,
): Hold {
  if (!standing.mine) return hold.phase === 'leading' ? { phase: 'over', why: 'taken' } : hold;
  if (standing.asked) return { phase: 'over', why: 'asked' };
  const until = sentAt + timeoutMs - marginMs;
  if (hold.phase === 'waiting') {
    return now < until ? { phase: 'leading', token: standing.token, until } : hold;
  }
  if (standing.token !== hold.token) return { phase: 'over', why: 'taken' };
  // Answers may overtake each other.
  return { ...hold, until: Math.max(hold.until, until) };
}
