import { formatDuration } from '../../util/quantities.js';
import { type LagLook, type LagVerdict, lagVerdict } from '../lag.js';
import { type Decision, decide, remember } from './decision.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { leaveAtOnce } from './move.js';
import { provedShadow } from './shadow.js';
import type { Lag, StreamState } from './state.js';

/** The pause between two looks that follow each other closely. Parallel appliers note their place every 300 ms. */
const soonMs = 500;

/** The pause before servers are looked at again that have shown no reason to leave. */
const laterMs = 2000;

/**
 * A server that goes on so often while the lead grows doesn't catch up. Once isn't enough: a transaction that took long
 * may have ended just before the look.
 */
const movesBorne = 2;

/** The server that is read and its shadow have been compared, or looked at because it lags. Pure. */
export function compared(
  state: StreamState,
  event: EventOf<'led-by-shadow'> | EventOf<'looked-beside'>,
): Decision {
  return event.type === 'led-by-shadow' ? ledByShadow(state, event) : lookedBeside(state, event);
}

/** The shadow has had for so long what the server that is read hasn't shown. */
function ledByShadow(state: StreamState, event: EventOf<'led-by-shadow'>): Decision {
  const { phase, memory } = state;
  const { server, leadMs, isTooLong, atMs } = event;
  const shadow = provedShadow(memory);
  const isRead = phase.kind === 'reading' && phase.server === server;
  if (!isRead || shadow === null || !isTooLong) {
    return decide(memory.lag === null ? state : remember(state, { lag: null }));
  }
  const begun: Lag = { leadMs, lookAtMs: atMs, seen: null, moves: 0, said: null };
  const lag = memory.lag ?? begun;
  if (memory.move !== null || lag.lookAtMs === null || atMs < lag.lookAtMs) return decide(state);
  return decide(remember(state, { lag: { ...lag, leadMs, lookAtMs: null } }), {
    ...{ do: 'look-beside', server, shadow, sinceMs: atMs },
  });
}

/** Both servers have been looked at. Does the stream go over to the shadow? */
function lookedBeside(state: StreamState, event: EventOf<'looked-beside'>): Decision {
  const { phase, memory } = state;
  const { lag, move } = memory;
  const { server, shadow, sights, atMs } = event;
  const isRead = phase.kind === 'reading' && phase.server === server;
  if (lag === null || !isRead || provedShadow(memory) !== shadow) return decide(state);
  const see = (name: string): LagLook['own'] => sights.find((sight) => sight.server === name) ?? null;
  const seen: LagLook = { own: see(server), shadow: see(shadow), leadMs: lag.leadMs };
  const verdict = lagVerdict(lag.seen, seen);
  const moves = movesAfter(lag, verdict);
  const isSoon = lag.seen === null || verdict.kind === 'goes-on';
  const next: Lag = { ...lag, seen, moves, lookAtMs: atMs + (isSoon ? soonMs : laterMs) };
  const why = move === null ? whyItLeaves(verdict, moves) : null;
  if (why !== null) {
    const lead = `${shadow} has had for ${formatDuration(lag.leadMs)} what it hasn't shown`;
    const call = { cause: 'lagging', reasons: [lead, why], target: shadow } as const;
    return leaveAtOnce(remember(state, { lag: next }), call);
  }
  if (verdict.kind !== 'stands' || verdict.executed === lag.said) {
    return decide(remember(state, { lag: next }));
  }
  return decide(
    remember(state, { lag: { ...next, said: verdict.executed } }),
    log.lags(server, shadow, lag.leadMs, verdict.reason),
  );
}

/** A server whose lead has become shorter catches up. */
function movesAfter({ moves, seen, leadMs }: Lag, { kind }: LagVerdict): number {
  if (kind !== 'goes-on' || seen === null) return moves;
  return leadMs < seen.leadMs ? 0 : moves + 1;
}

function whyItLeaves(verdict: LagVerdict, moves: number): string | null {
  switch (verdict.kind) {
    case 'stopped':
      return verdict.reason;
    case 'goes-on':
      return moves < movesBorne ? null : 'it executes what it receives more slowly than others';
    case 'stands':
    case 'unclear':
      return null;
  }
}
