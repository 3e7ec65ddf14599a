import type { ChoiceSettings, Option } from '../choice.js';
import type { Sight } from '../../pool/evidence.js';
import type { Equal } from '../../shadow/shadow.js';
import type { Found } from '../findings.js';
import { remember } from './decision.js';
import type { Memory, StreamState } from './state.js';

/** Notes the current findings: which servers are healthy without a break, and since when. Pure. */
export function noteFound(state: StreamState, found: readonly Found[], atMs: number): StreamState {
  const healthySince = new Map(state.memory.healthySince);
  for (const { sight, finding } of found) {
    const { server, evidence } = sight;
    const known = healthySince.get(server);
    if (finding !== 'healthy' || evidence === null) healthySince.delete(server);
    else if (known === undefined || isAnother(known.uuid, evidence.uuid)) {
      healthySince.set(server, { atMs, uuid: evidence.uuid });
    }
  }
  return remember(state, { healthySince });
}

/** Whether two unique ids are of two servers. A server that doesn't answer on a new connection shows none. */
function isAnother(before: string | null, now: string | null): boolean {
  return before !== null && now !== null && before !== now;
}

/**
 * Notes what the shadow has shown. What another server had shown at the address of one that was rebuilt is dropped.
 * Pure.
 */
export function noteEqual(
  state: StreamState,
  shown: ({ readonly server: string } & Equal) | null,
  sights: readonly Sight[],
): StreamState {
  const equal = new Map(state.memory.equal);
  if (shown !== null) {
    const { server, since, until, transactions } = shown;
    equal.set(server, { since, until, transactions });
  }
  for (const { server, changed } of sights) if (changed !== null) equal.delete(server);
  return remember(state, { equal });
}

/** Notes that the stream was lost there. Pure. */
export function noteLost(state: StreamState, server: string, atMs: number): StreamState {
  const { lostAtMs, healthySince } = state.memory;
  // Whatever its probes show, it must be healthy from now on before the stream returns by itself.
  const others = [...healthySince].filter(([name]) => name !== server);
  return remember(state, {
    lostAtMs: new Map([...lostAtMs, [server, atMs]]),
    healthySince: new Map(others),
  });
}

/** Notes why the stream can't go on from there, or can't yet. Pure. */
export function noteObstacle(state: StreamState, server: string, reason: string): StreamState {
  return remember(state, { obstacles: new Map([...state.memory.obstacles, [server, reason]]) });
}

/** The members as options of a choice. Pure. */
export function optionsOf(
  { pool, healthySince, lostAtMs }: Memory,
  found: readonly Found[],
  atMs: number,
): Option[] {
  return pool.map(({ name, priority, avoided }) => {
    const one = found.find(({ sight }) => sight.server === name);
    const healthy = healthySince.get(name);
    const lostAt = lostAtMs.get(name);
    return {
      ...(one?.sight ?? { server: name, evidence: null, standsForMs: 0, changed: null }),
      ...{ priority, avoided, finding: one?.finding ?? 'healthy' },
      healthyForMs: healthy === undefined ? 0 : atMs - healthy.atMs,
      lostForMs: lostAt === undefined ? null : atMs - lostAt,
    };
  });
}

/** The settings and times for a choice. Pure. */
export function choiceSettingsOf({ settings, switchedAtMs }: Memory, atMs: number): ChoiceSettings {
  const { cooldownMs, failbackAfterMs } = settings;
  return {
    cooldownMs,
    failbackAfterMs,
    sinceSwitchMs: switchedAtMs === null ? null : atMs - switchedAtMs,
  };
}
