import type { ChoiceSettings, Option } from '../choice.js';
import type { Found } from '../findings.js';
import { remember } from './decision.js';
import type { Memory, StreamState } from './state.js';

/** Notes the current findings: which members are healthy without a break, and since when. Pure. */
export function noteFound(state: StreamState, found: readonly Found[], atMs: number): StreamState {
  const healthySinceMs = new Map(state.memory.healthySinceMs);
  for (const { sight, finding } of found) {
    if (finding !== 'healthy' || sight.evidence === null) healthySinceMs.delete(sight.server);
    else if (!healthySinceMs.has(sight.server)) healthySinceMs.set(sight.server, atMs);
  }
  return remember(state, { healthySinceMs });
}

/** Notes that the stream was lost there. Pure. */
export function noteLost(state: StreamState, server: string, atMs: number): StreamState {
  return remember(state, { lostAtMs: new Map([...state.memory.lostAtMs, [server, atMs]]) });
}

/** Notes why the stream can't go on from there, or can't yet. Pure. */
export function noteObstacle(state: StreamState, server: string, reason: string): StreamState {
  return remember(state, { obstacles: new Map([...state.memory.obstacles, [server, reason]]) });
}

/** The members as options of a choice. Pure. */
export function optionsOf(
  { pool, healthySinceMs, lostAtMs }: Memory,
  found: readonly Found[],
  atMs: number,
): Option[] {
  return pool.map(({ name, priority, avoided }) => {
    const one = found.find(({ sight }) => sight.server === name);
    const healthySince = healthySinceMs.get(name);
    const lostAt = lostAtMs.get(name);
    return {
      ...(one?.sight ?? { server: name, evidence: null, standsForMs: 0, changed: null }),
      ...{ priority, avoided, finding: one?.finding ?? 'healthy' },
      healthyForMs: healthySince === undefined ? 0 : atMs - healthySince,
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
