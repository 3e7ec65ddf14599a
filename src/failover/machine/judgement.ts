import { isClusterFinding } from '../../mysql/cluster.js';
import { choose } from '../choice.js';
import type { Finding } from '../diagnosis.js';
import { findingsOf, type Found } from '../findings.js';
import type { Action } from './action.js';
import { andThen, type Decision, decide, remember } from './decision.js';
import type { EventOf } from './event.js';
import * as log from './log-lines.js';
import { moveAway } from './move.js';
import { choiceSettingsOf, noteEqual, noteFound, optionsOf } from './memory.js';
import { chooseShadow } from './shadow.js';
import { isLost, type Memory, type Move, type StreamState } from './state.js';

/**
 * After this silence the servers are probed, before the stream counts as broken. Then the evidence is there in time.
 */
const uneasyAfterMs = 1200;

/** The pause before a member that refused a move is asked again. */
const moveRetryMs = 10_000;

type Call = Pick<Move, 'cause' | 'reasons' | 'target'>;
type Rejections = readonly { readonly server: string; readonly reason: string }[];

/** Time to judge the servers: is there one that the stream should move to? Pure. */
export function judged(state: StreamState, event: EventOf<'tick'>): Decision {
  const { phase, memory } = state;
  const { sights, lastHeardAtMs, equal, atMs } = event;
  // A move of our own is still under way.
  if (memory.move !== null && memory.move.order === null) return decide(state);
  const server = phase.kind === 'reading' ? phase.server : null;
  if (server === null && !isLost(phase)) return decide(state);
  const silentMs = atMs - (lastHeardAtMs ?? atMs);
  const found = findingsOf({
    sights,
    reading: server === null ? null : { server, stream: { error: null, silentMs } },
    stalledAfterMs: memory.settings.stalledAfterMs,
  });
  const noted = noteEqual(noteFound(state, found, atMs), equal, sights);
  if (server === null) return decide(noted);
  return andThen(
    decide(noted, ...looksWhenUneasy(lastHeardAtMs, atMs)),
    (next) => say(next, server, found, atMs),
    (next) => chooseShadow(next, found, atMs),
  );
}

function looksWhenUneasy(lastHeardAtMs: number | null, atMs: number): Action[] {
  if (lastHeardAtMs === null) return [];
  const sinceMs = lastHeardAtMs + uneasyAfterMs;
  return atMs < sinceMs ? [] : [{ do: 'look', sinceMs }];
}

/** Logs the finding for the current server if it has changed, and moves the stream if the finding calls for it. */
function say(state: StreamState, server: string, found: readonly Found[], atMs: number): Decision {
  const { memory } = state;
  const own = found.find(({ sight }) => sight.server === server);
  const finding = own?.finding ?? 'healthy';
  const reasons = own?.reasons ?? [];
  const { call, rejections } = callFor(memory, server, { finding, reasons }, found, atMs);
  const stays = finding !== 'healthy' && call === null;
  const elsewhere = stays ? rejections.filter((rejection) => rejection.server !== server) : [];
  // A repeated attempt to move is no news. Its outcome is.
  const again = call !== null && memory.said.startsWith(`${finding} `);
  const now = again ? memory.said : `${finding} ${elsewhere.map((one) => one.server).join()}`;
  const isNews = now !== memory.said && (finding !== 'healthy' || memory.said !== '');
  const next = remember(state, {
    obstacles: new Map(elsewhere.map((one) => [one.server, one.reason])),
    said: finding === 'healthy' ? '' : now,
  });
  const lines = isNews ? [log.diagnosed(server, { finding, reasons }, stays, elsewhere)] : [];
  const said = decide(next, ...lines);
  return call === null ? said : andThen(said, (then) => moveAway(then, call, atMs));
}

/** The move that a finding calls for. Null if there is none, with the reasons. */
function callFor(
  memory: Memory,
  server: string,
  { finding, reasons }: { readonly finding: Finding; readonly reasons: readonly string[] },
  found: readonly Found[],
  atMs: number,
): { readonly call: Call | null; readonly rejections: Rejections } {
  if (finding === 'rebuilt' && justRefused(memory, '', atMs) === null) {
    return { call: { cause: 'rebuilt', reasons, target: null }, rejections: [] };
  }
  const isRemoved = !memory.pool.some(({ name }) => name === server);
  const cause = isRemoved ? 'planned' : finding === 'healthy' ? 'failback' : finding;
  // The stream leaves an unreachable server only when the stream from it ends.
  const acts = ['planned', 'failback', 'stalled', 'source-down'].includes(cause) || isClusterFinding(cause);
  if (!acts) return { call: null, rejections: [] };
  const settings = choiceSettingsOf(memory, atMs);
  const { candidates, ...choice } = choose(cause, server, optionsOf(memory, found, atMs), settings);
  const rejections = choice.rejections.map((one) => ({ server: one.server, reason: one.reason }));
  const refused = candidates.flatMap((one) => {
    const reason = justRefused(memory, one.server, atMs);
    return reason === null ? [] : [{ server: one.server, reason }];
  });
  const best = candidates.find((one) => refused.every((other) => other.server !== one.server));
  if (best === undefined) return { call: null, rejections: [...rejections, ...refused] };
  const why = isRemoved ? ['it is no longer a member of the pool'] : reasons;
  return { call: { cause, reasons: why, target: best.server }, rejections };
}

/** Why a recent move there was refused. Null if none was. */
function justRefused({ refusals }: Memory, server: string, atMs: number): string | null {
  const last = refusals.get(server);
  return last && atMs - last.atMs < moveRetryMs ? last.reason : null;
}
