import type { WaymarkError } from '../../util/errors.js';
import { type Decision, decide, enter } from './decision.js';
import type { LostStream, Phase, Shown, StreamState } from './state.js';

/** The pauses between two looks while no server can be reached. */
export const isolatedRetryMs = { first: 500, last: 5000 } as const;

/** A restarted server is back within this time. If it isn't only a restart, little time is lost. */
const farewellGraceMs = 5000;

/**
 * Looks from the last of the two seconds of silence suffice. Earlier ones don't: a server may have answered after its
 * last heartbeat, and frozen before the next one half a second later.
 */
const freshMs = 1000;

/**
 * The earliest start of a look that says something about a stream that has just ended with this error: after it
 * broke, or late in its silence. Pure.
 */
export function judgedSince({ code }: WaymarkError, nowMs: number): number {
  return code === 'stream-silent' ? nowMs - freshMs : nowMs;
}

/**
 * How long to wait for a server that refuses connections. Pure. A server that said goodbye is being shut down
 * cleanly, mostly for a restart. MySQL then ends its streams with an EOF packet, which it doesn't when it is killed
 * (seen on 9.7). MariaDB just closes the connections in both cases (seen on 10.11). So a restart looks like a death
 * there, and only the operator can ask the agent to wait.
 */
export function restartGraceOf({ details }: WaymarkError, configuredMs: number): number {
  return details['tookLeave'] === true ? Math.max(configuredMs, farewellGraceMs) : configuredMs;
}

/** Starts the first probe of all servers. Pure. */
export function suspect(state: StreamState, lost: LostStream, shown: Shown, sinceMs: number): Decision {
  const phase: Phase = {
    kind: 'suspecting',
    ...{ lost, shown, retryMs: isolatedRetryMs.first, wasIsolated: false },
  };
  return investigate(enter(state, phase), lost, sinceMs);
}

/** Probes all servers. Pure. */
export function investigate(state: StreamState, { server, error }: LostStream, sinceMs: number): Decision {
  const graceMs = restartGraceOf(error, state.memory.settings.restartGraceMs);
  return decide(state, { do: 'investigate', server, sinceMs, graceMs });
}
