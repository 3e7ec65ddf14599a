import { choose } from '../choice.js';
import type { Found } from '../findings.js';
import { type Decision, decide, remember } from './decision.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { choiceSettingsOf, optionsOf } from './memory.js';
import { leaveAtOnce } from './move.js';
import type { Memory, StreamState } from './state.js';

/** The pause before a server that couldn't be read beside another one is tried again. */
const shadowRetryMs = 5000;

/** Time to judge the servers: which one is read beside the stream's? Pure. */
export function chooseShadow(state: StreamState, found: readonly Found[], atMs: number): Decision {
  const { phase, memory } = state;
  const { shadow } = memory;
  if (phase.kind !== 'reading') return decide(state);
  if (shadow !== null) {
    const isMember = memory.pool.some(({ name }) => name === shadow.server);
    if (memory.settings.shadow && isMember) return decide(state);
    return decide(remember(state, { shadow: null }), { do: 'end-shadow' });
  }
  // Until the stream has arrived, everything that the machine has is for the stream.
  if (!memory.settings.shadow || phase.arriving !== null) return decide(state);
  const server = bestBeside(memory, phase.server, found, atMs);
  if (server === null) return decide(state);
  return decide(remember(state, { shadow: { server, isProved: false } }), { do: 'shadow', server });
}

/** The member that the stream would go to if its server died now. Null if there is none. */
function bestBeside(memory: Memory, reading: string, found: readonly Found[], atMs: number): string | null {
  const options = optionsOf(memory, found, atMs);
  const { candidates } = choose('dead', reading, options, choiceSettingsOf(memory, atMs));
  const best = candidates.find(({ server }) => {
    const option = options.find((one) => one.server === server);
    const failedAtMs = memory.shadowFailedAtMs.get(server);
    const isDelayed = (option?.evidence?.replication?.delaySeconds ?? 0) > 0;
    const isHealthy = option?.evidence?.reachable === true && option.finding === 'healthy';
    const hasJustFailed = failedAtMs !== undefined && atMs - failedAtMs < shadowRetryMs;
    return server !== reading && isHealthy && !option.avoided && !isDelayed && !hasJustFailed;
  });
  return best?.server ?? null;
}

/** The place on the shadow is proved. Pure. */
export function shadowBegan(state: StreamState, { server }: EventOf<'shadow-began'>): Decision {
  if (state.memory.shadow?.server !== server) return decide(state);
  return decide(remember(state, { shadow: { server, isProved: true } }), log.shadowBegan(server));
}

/** The shadow has ended by itself. Pure. */
export function shadowEnded(state: StreamState, { server, error, atMs }: EventOf<'shadow-ended'>): Decision {
  if (state.memory.shadow?.server !== server) return decide(state);
  const shadowFailedAtMs = new Map([...state.memory.shadowFailedAtMs, [server, atMs]]);
  return decide(remember(state, { shadow: null, shadowFailedAtMs }), log.shadowEnded(server, error));
}

/**
 * Nothing has come from the server that is read, while its shadow was heard of. The stream goes over to the shadow.
 * Pure.
 */
export function fellSilent(state: StreamState, { server, reason }: EventOf<'silent-beside'>): Decision {
  const { phase, memory } = state;
  if (phase.kind !== 'reading' || phase.server !== server || memory.move !== null) return decide(state);
  const target = provedShadow(memory);
  if (target === null) return decide(state);
  return leaveAtOnce(state, { cause: 'silent', reasons: [reason], target });
}

/** The server that the stream can go over to at once. Null if there is none. Pure. */
export function provedShadow({ shadow }: Memory): string | null {
  return shadow?.isProved === true ? shadow.server : null;
}
