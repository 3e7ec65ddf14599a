import { formatCoordinates } from '../binlog/coordinates.js';
import type { Progress } from '../tail/progress.js';
import type { AgentPhase, AgentState, Switch } from './state.js';

/** A view of a running agent, for people and probes. Plain JSON. */
export type AgentStatus = {
  readonly stream: string;
  readonly healthy: boolean;
  /** Why it isn't; null when it is. */
  readonly unhealthyBecause: string | null;
  readonly phase: AgentPhase;
  readonly coordinates: string;
  readonly hint: string | null;
  /** Transactions since that hint. */
  readonly sequence: number;
  /** Whether another server could be matched, should this one be lost. */
  readonly canSwitch: boolean;
  readonly records: number;
  readonly transactions: number;
  readonly passedOver: number;
  readonly bornHere: number;
  /** Since the server was last heard from, heartbeats included; null before the first word. */
  readonly silentMs: number | null;
  /** ISO 8601; null before the first. */
  readonly checkpointSavedAt: string | null;
  readonly switches: readonly Switch[];
};

/** Heartbeats come every half second: a stream that has not moved for this long is stuck, whoever is to blame. */
const stuckAfterMs = 10_000;

/** Makes the view. Pure. */
export function statusOf(
  stream: string,
  state: AgentState,
  progress: Progress,
  checkpointSavedAt: number | null,
  nowMs: number,
): AgentStatus {
  const silentMs = progress.lastHeardAtMs === null ? null : Math.round(nowMs - progress.lastHeardAtMs);
  const unhealthyBecause = illness(state.phase, silentMs);
  return {
    stream,
    healthy: unhealthyBecause === null,
    unhealthyBecause,
    phase: state.phase,
    coordinates: formatCoordinates(progress.coordinates),
    hint: progress.keeper.lastHint?.token ?? null,
    sequence: progress.keeper.sequence,
    canSwitch: progress.keeper.hintCount > 0,
    records: progress.records,
    transactions: progress.transactions,
    passedOver: progress.passedOver,
    bornHere: progress.bornHere,
    silentMs,
    checkpointSavedAt: checkpointSavedAt === null ? null : new Date(checkpointSavedAt).toISOString(),
    switches: state.switches,
  };
}

function illness(phase: AgentPhase, silentMs: number | null): string | null {
  switch (phase.kind) {
    case 'starting':
      return 'the stream has not begun';
    case 'searching':
      return `${phase.lost} is lost (${phase.finding}) and no other server has been found yet`;
    case 'stopped':
      return `the agent has stopped: ${phase.reason}`;
    case 'streaming':
      if (silentMs === null || silentMs <= stuckAfterMs) return null;
      return `nothing has been read from ${phase.server} for ${Math.round(silentMs / 1000)} s: the server is silent, or the sink doesn't accept`;
  }
}
