import type { Coordinates } from '../binlog/coordinates.js';
import type { Confidence } from '../matching/match-state.js';
import type { Finding } from './finding.js';

/** Why reading began on a server. */
export type SwitchCause = Finding | 'planned' | 'failback' | 'restart' | 'start';

/**
 * The parts of a blackout, in milliseconds: until the finding, until the member was chosen that took over, until the
 * hint was found there, until the match was complete, until the first new record.
 */
export type Timeline = {
  readonly detectMs: number;
  readonly chooseMs: number;
  readonly locateMs: number;
  readonly verifyMs: number;
  /** Null until it has come, or the stream is level with the server. */
  readonly firstRecordMs: number | null;
};

/** A change of servers that is over. */
export type Switch = {
  readonly from: string | null;
  readonly to: string;
  readonly finding: SwitchCause;
  readonly confidence: Confidence | null;
  readonly hint: string | null;
  readonly coordinates: Coordinates;
  /** Transactions met there that had been delivered before, and are not delivered again. */
  readonly skipped: number;
  /** Null until the first new record has been accepted, or the stream is level with the server. */
  readonly blackoutMs: number | null;
  /** Null at a start, before which there was no stream. */
  readonly timeline: Timeline | null;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** What the agent is doing. */
export type AgentPhase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'streaming'; readonly server: string; readonly since: number }
  /** The stream is lost and its next place is being looked for. */
  | {
      readonly kind: 'searching';
      readonly lost: string;
      readonly finding: SwitchCause;
      readonly since: number;
    }
  /** Another agent leads the stream, or nobody yet; null: it isn't known who. */
  | { readonly kind: 'standby'; readonly since: number; readonly leader: string | null }
  /** It came to an end and is tried again, when others of the agent go on. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly since: number;
      readonly retryMs: number;
    }
  | { readonly kind: 'stopped'; readonly reason: string };

export type AgentState = {
  readonly phase: AgentPhase;
  /** Newest last. */
  readonly switches: readonly Switch[];
};

export type AgentEvent =
  | { readonly type: 'placed'; readonly change: Switch }
  | { readonly type: 'lost'; readonly server: string; readonly finding: SwitchCause; readonly at: number }
  | { readonly type: 'level'; readonly blackoutMs: number; readonly firstRecordMs: number }
  | { readonly type: 'stopped'; readonly reason: string };

const keptSwitches = 20;

export const initialState: AgentState = { phase: { kind: 'starting' }, switches: [] };

/**
 * The state of a stream, of what it was when it was last led (`resting`) and what whoever leads it now says of it (null:
 * nobody). A stream that has failed has failed until it is read again. Pure.
 */
export function stateOf(resting: AgentState, led: AgentState | null): AgentState {
  if (led === null) return resting;
  const notYetAgain = led.phase.kind === 'starting' && resting.phase.kind === 'failed';
  return {
    phase: notYetAgain ? resting.phase : led.phase,
    switches: [...resting.switches, ...led.switches].slice(-keptSwitches),
  };
}

/** The only place where the agent's state changes. Pure. */
export function transition(state: AgentState, event: AgentEvent): AgentState {
  // What is still under way when it stops changes nothing any more.
  if (state.phase.kind === 'stopped') return state;
  switch (event.type) {
    case 'placed':
      return {
        phase: { kind: 'streaming', server: event.change.to, since: event.change.at },
        switches: [...state.switches, event.change].slice(-keptSwitches),
      };
    case 'lost':
      return {
        ...state,
        phase: { kind: 'searching', lost: event.server, finding: event.finding, since: event.at },
      };
    case 'level': {
      const last = state.switches.at(-1);
      if (!last) return state;
      const { blackoutMs, firstRecordMs } = event;
      const timeline = last.timeline && { ...last.timeline, firstRecordMs };
      return { ...state, switches: [...state.switches.slice(0, -1), { ...last, blackoutMs, timeline }] };
    }
    case 'stopped':
      return { ...state, phase: { kind: 'stopped', reason: event.reason } };
  }
}
