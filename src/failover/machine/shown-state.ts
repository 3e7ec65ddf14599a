import type { Switch, SwitchCause } from '../switch.js';
import type { Loss, Memory, Phase, Shown, StreamState } from './state.js';

/** A stream's phase, for people and programs. Plain JSON. */
export type AgentPhase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'streaming'; readonly server: string; readonly since: number }
  /** The stream is lost, and the agent looks for its next place. */
  | {
      readonly kind: 'searching';
      readonly lost: string;
      readonly finding: SwitchCause;
      readonly since: number;
    }
  /** Another agent leads the stream, or none yet. Null: unknown. */
  | { readonly kind: 'standby'; readonly since: number; readonly leader: string | null }
  /** It has failed, and is tried again while the agent's other streams go on. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly since: number;
      readonly retryMs: number;
    }
  | { readonly kind: 'stopped'; readonly reason: string };

/** A stream's phase and history, for people and programs. Plain JSON. */
export type AgentState = {
  readonly phase: AgentPhase;
  /** Newest last. */
  readonly switches: readonly Switch[];
};

/** The state as it is shown. Pure. */
export function shown({ phase, memory }: StreamState): AgentState {
  return { phase: shownPhase(phase, memory), switches: memory.switches };
}

function shownPhase(phase: Phase, memory: Memory): AgentPhase {
  switch (phase.kind) {
    case 'standing-by':
      return { kind: 'standby', since: phase.since, leader: phase.leader };
    case 'starting':
      return starting(memory);
    case 'reading':
      return { kind: 'streaming', server: phase.server, since: phase.since };
    case 'suspecting':
      return searching(phase.lost.server, phase.shown);
    case 'choosing':
    case 'proving':
      return seeking(phase.seek.loss, memory);
    case 'waiting':
      if (phase.why === 'pool') return seeking(phase.seek.loss, memory);
      return searching(phase.lost.server, phase.shown);
    case 'stopping':
      return memory.failed === null ? { kind: 'stopped', reason: phase.reason } : starting(memory);
    case 'halted':
      return phase.retry === null
        ? { kind: 'stopped', reason: phase.reason }
        : { kind: 'failed', reason: phase.reason, ...phase.retry };
  }
}

/** A failed stream counts as failed until it is read again. */
function starting({ failed }: Memory): AgentPhase {
  return failed === null ? { kind: 'starting' } : { kind: 'failed', reason: failed.reason, ...failed.retry };
}

function seeking(loss: Loss | null, memory: Memory): AgentPhase {
  return loss === null
    ? starting(memory)
    : searching(loss.server, { finding: loss.cause, since: loss.since });
}

function searching(lost: string, { finding, since }: Shown): AgentPhase {
  return { kind: 'searching', lost, finding, since };
}
