import type { Action } from './action.js';
import type { Memory, Phase, StreamState } from './state.js';

/** The next state, and the actions in order. */
export type Decision = { readonly state: StreamState; readonly actions: readonly Action[] };

/** A state with actions. Pure. */
export function decide(state: StreamState, ...actions: readonly Action[]): Decision {
  return { state, actions };
}

/** Decisions in sequence, each on the state that the previous one led to. Pure. */
export function andThen(first: Decision, ...next: readonly ((state: StreamState) => Decision)[]): Decision {
  return next.reduce((before, step) => {
    const { state, actions } = step(before.state);
    return { state, actions: [...before.actions, ...actions] };
  }, first);
}

/** The same stream in another phase. Pure. */
export function enter(state: StreamState, phase: Phase): StreamState {
  return { ...state, phase };
}

/** The same stream with changed memory. Pure. */
export function remember(state: StreamState, change: Partial<Memory>): StreamState {
  return { ...state, memory: { ...state.memory, ...change } };
}
