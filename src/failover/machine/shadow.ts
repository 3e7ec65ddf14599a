import { choose } from '../choice.js';
import type { Found } from '../findings.js';
import { type Decision, decide, remember } from './decision.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { choiceSettingsOf, optionsOf } from './memory.js';
import { leaveAtOnce } from './move.js';
import type { Beside, Memory, Reading, StreamState } from './state.js';

/** The pause before a server that couldn't be read beside another one is tried again. */
const shadowRetryMs = 5000;

/** Time to judge the servers: which one is read beside the stream's? Pure. */
export function chooseShadow(state: StreamState, found: readonly Found[], atMs: number): Decision {
  const { phase, memory } = state;
  const { pool, settings, shadow } = memory;
  if (phase.kind !== 'reading') return decide(state);
  const gone = besides(shadow).filter(
    (server) => settings.shadow === null || pool.every(({ name }) => name !== server),
  );
  if (gone.length > 0) {
    return decide(
      remember(state, { shadow: gone.reduce(without, shadow) }),
      ...gone.map((server) => ({ do: 'end-shadow', server }) as const),
    );
  }
  // Until the stream has arrived, everything that the machine has is for the stream.
  if (phase.arriving !== null) return decide(state);
  return shadow === null ? firstShadow(state, phase, found, atMs) : rotate(state, phase, shadow, found, atMs);
}

function firstShadow(
  state: StreamState,
  { server }: Reading,
  found: readonly Found[],
  atMs: number,
): Decision {
  const { memory } = state;
  if (memory.settings.shadow === null) return decide(state);
  const [best] = suitable(memory, server, found, atMs, shadowRetryMs);
  if (best === undefined) return decide(state);
  return decide(remember(state, { shadow: { server: best, provedAtMs: null, next: null } }), {
    ...{ do: 'shadow', server: best },
  });
}

/**
 * The next member takes the shadow's place: the one that was held against the stream longest ago, or never. Until its
 * place is proved, the shadow stays. The stream may need it at any moment.
 */
function rotate(
  state: StreamState,
  { server }: Reading,
  shadow: Beside,
  found: readonly Found[],
  atMs: number,
): Decision {
  const { memory } = state;
  const rotateMs = memory.settings.shadow?.rotateMs ?? null;
  const { provedAtMs } = shadow;
  if (rotateMs === null || provedAtMs === null || atMs - provedAtMs < rotateMs) return decide(state);
  if (shadow.next !== null || memory.move !== null) return decide(state);
  const own = found.find(({ sight }) => sight.server === server);
  if (own?.finding !== 'healthy') return decide(state);
  const until = (name: string): number => memory.equal.get(name)?.until ?? 0;
  // A member that can't be a shadow is tried once a round.
  const [next] = suitable(memory, server, found, atMs, Math.max(rotateMs, shadowRetryMs))
    .filter((name) => name !== shadow.server)
    .toSorted((a, b) => until(a) - until(b));
  if (next === undefined) return decide(state);
  return decide(remember(state, { shadow: { ...shadow, next } }), { do: 'shadow', server: next });
}

/** The members that the stream would go to if its server died now, the best one first. */
function suitable(
  memory: Memory,
  reading: string,
  found: readonly Found[],
  atMs: number,
  retryMs: number,
): readonly string[] {
  const options = optionsOf(memory, found, atMs);
  const { candidates } = choose('dead', reading, options, choiceSettingsOf(memory, atMs));
  return candidates
    .map(({ server }) => server)
    .filter((server) => {
      const option = options.find((one) => one.server === server);
      const failedAtMs = memory.shadowFailedAtMs.get(server);
      const isDelayed = (option?.evidence?.replication?.delaySeconds ?? 0) > 0;
      const isHealthy = option?.evidence?.reachable === true && option.finding === 'healthy';
      const hasJustFailed = failedAtMs !== undefined && atMs - failedAtMs < retryMs;
      return server !== reading && isHealthy && !option.avoided && !isDelayed && !hasJustFailed;
    });
}

function besides(shadow: Beside | null): readonly string[] {
  if (shadow === null) return [];
  return shadow.next === null ? [shadow.server] : [shadow.server, shadow.next];
}

/** What is left if one of them is no longer read. */
function without(shadow: Beside | null, server: string): Beside | null {
  if (shadow?.next === server) return { ...shadow, next: null };
  if (shadow?.server !== server) return shadow;
  return shadow.next === null ? null : { server: shadow.next, provedAtMs: null, next: null };
}

/** The place on a shadow is proved. Pure. */
export function shadowBegan(state: StreamState, { server, atMs }: EventOf<'shadow-began'>): Decision {
  const { phase, memory } = state;
  const { shadow } = memory;
  const proved = { server, provedAtMs: atMs, next: null };
  if (shadow?.server === server) {
    return decide(
      remember(state, { shadow: { ...proved, next: shadow.next }, lag: null }),
      log.shadowBegan(server, null),
    );
  }
  if (shadow?.next !== server) return decide(state);
  // The stream is on its way to the shadow that it has.
  if (phase.kind !== 'reading' || memory.move !== null) {
    return decide(remember(state, { shadow: { ...shadow, next: null } }), { do: 'end-shadow', server });
  }
  return decide(
    remember(state, { shadow: proved, lag: null }),
    { do: 'end-shadow', server: shadow.server },
    log.shadowBegan(server, shadow.server),
  );
}

/** A shadow has ended by itself. Pure. */
export function shadowEnded(state: StreamState, { server, error, atMs }: EventOf<'shadow-ended'>): Decision {
  const { shadow } = state.memory;
  if (!besides(shadow).includes(server)) return decide(state);
  const shadowFailedAtMs = new Map([...state.memory.shadowFailedAtMs, [server, atMs]]);
  return decide(
    remember(state, { shadow: without(shadow, server), shadowFailedAtMs }),
    log.shadowEnded(server, provedShadow(state.memory) === server, error),
  );
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
  return shadow?.provedAtMs == null ? null : shadow.server;
}
