import { within } from '../util/limits.js';
import { messageOf } from '../util/errors.js';
import type { CandidateOptions } from './candidate.js';
import type { Loss } from './move.js';
import type { Member } from './pool.js';
import { type Contender, searchPool } from './search.js';
import { type Source, sourceOf } from './source.js';
import type { SwitchCause } from './state.js';
import type { Supervisor } from './supervisor.js';

const reconnectTimeoutMs = 5000;
/** How long the target of a move may take when the stream stands still for it: it has shown that it can. */
const moveMs = 10_000;

/** Finds where to go on: where the move goes; on the same server if only the stream broke; else on whichever can. */
export async function nextPlace(
  loss: Loss,
  supervisor: Supervisor,
  options: () => CandidateOptions,
  signal: AbortSignal,
): Promise<Source> {
  const { member, move } = loss;
  if (move?.target) {
    const there = await onlyPlace(move.target, options(), moveMs, signal);
    if (!(there instanceof Error)) return there;
    move.refuse(messageOf(there));
  }
  if (move?.target || loss.reconnects) {
    const again = await onlyPlace(member, options(), reconnectTimeoutMs, signal);
    if (!(again instanceof Error)) return again;
    supervisor.memory.lost(member.name);
  }
  const cause = loss.move?.target || loss.cause === 'stream-broken' ? 'unreachable' : loss.cause;
  return wholePool(supervisor, cause, member.name, options, signal, loss.unfit);
}

/**
 * Tries the pool until a member can go on, and begins anew when the operator has changed it meanwhile: whoever he adds
 * when nobody can is tried at once.
 */
export async function wholePool(
  supervisor: Supervisor,
  cause: SwitchCause,
  lost: string | null,
  options: () => CandidateOptions,
  signal: AbortSignal,
  unfit: ReadonlyMap<string, Error> = new Map(),
): Promise<Source> {
  for (;;) {
    const { reloaded } = supervisor;
    const contenders = supervisor.contenders(cause, lost).map((contender): Contender => {
      const reason = unfit.get(contender.member.name);
      if (reason === undefined) return contender;
      supervisor.cantGoOn(contender.member, reason.message);
      return { ...contender, unfit: reason };
    });
    const onObstacle = (member: Member, reason: string): void => {
      supervisor.cantGoOn(member, reason);
    };
    try {
      const trying = AbortSignal.any([signal, reloaded]);
      return sourceOf(await searchPool(contenders, { ...options(), onObstacle }, trying));
    } catch (error) {
      signal.throwIfAborted();
      if (!reloaded.aborted) throw error;
    }
  }
}

/** One member and no other: its place, or why it has none. */
async function onlyPlace(
  member: Member,
  options: CandidateOptions,
  limitMs: number,
  signal: AbortSignal,
): Promise<Source | Error> {
  try {
    return await within(limitMs, [signal], async (limited) =>
      sourceOf(await searchPool([{ member, rank: 0, once: true }], options, limited)),
    );
  } catch (error) {
    signal.throwIfAborted();
    options.logger.warn(
      { event: 'stream.reconnect-failed', server: member.name, reason: messageOf(error) },
      `${member.name} can't go on with the stream: ${messageOf(error)}`,
    );
    return error instanceof Error ? error : new Error(String(error));
  }
}
