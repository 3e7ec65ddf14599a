import { formatAddress } from '../config/address.js';
import type { HintFormat } from '../hints/hint.js';
import type { Instance } from '../mysql/instance.js';
import { hasAppliedAll } from '../mysql/server-facts.js';
import { type Look, lookAt } from '../repoint/look.js';
import { type Force, loggingRefusal } from '../repoint/refusal.js';
import { repoint, type RepointResult } from '../repoint/repoint.js';
import { type ErrorCode, hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { type MovableReplica, movableReplicas, mostAdvanced } from './choice.js';
import { requireDeath } from './death.js';
import { completePromoted, promotionOf, resumePromoted } from './promoted.js';

export type RegroupOptions = {
  readonly dead: Instance;
  readonly replicas: readonly Instance[];
  /** Who the others go below: one of the replicas, chosen when null. */
  readonly promote: Instance | null;
  /** Or a server that lives: the source of a dead intermediate one. */
  readonly below: Instance | null;
  /** Without it nothing is touched. */
  readonly execute: boolean;
  readonly forced: ReadonlySet<Force>;
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  readonly onStep: (server: string, step: string) => void;
};

/** What becomes of one replica. */
export type RegroupEntry =
  | { readonly state: 'repointed'; readonly replica: string; readonly result: RepointResult }
  /** Not to be told yet: the promoted one has to apply what it has first. */
  | { readonly state: 'later'; readonly replica: string; readonly reason: string }
  | { readonly state: 'lost'; readonly replica: string; readonly code: ErrorCode; readonly reason: string };

export type RegroupResult = {
  readonly executed: boolean;
  readonly dead: string;
  readonly target: string;
  /** Whether the target is one of the replicas, and becomes a source by this. */
  readonly promoted: boolean;
  readonly entries: readonly RegroupEntry[];
  /** What makes the promoted one a source that takes writes: left to the operator. */
  readonly toPromote: readonly string[];
};

type Target = { readonly look: Look; readonly promoted: MovableReplica | null };

/**
 * Puts the replicas of a dead server in order: all of them below the one that got most, or below a server that lives.
 * Those that are ahead or can't be matched are left alone, and listed as lost.
 *
 * @throws WaymarkError `refused` (the server isn't dead, or what is to be promoted can't be a source), `no-candidate`
 * (none of the replicas can), `interrupted` (with what had been moved), and what looking at the target throws.
 */
export async function regroup(options: RegroupOptions): Promise<RegroupResult> {
  const { dead, signal, execute } = options;
  const { looks, lost } = await lookAtAll(options);
  await requireDeath(dead, looks, signal);
  const below = options.below && (await lookAt(options.below, signal));
  const { members, unusable } = movableReplicas(looks, formatAddress(dead.address), below);
  const target = below ? { look: below, promoted: null } : choose(members, options);
  const others = members.filter(({ look }) => look.server !== target.look.server);
  const entries: RegroupEntry[] = [
    ...lost,
    ...unusable.map(({ look, refusal }) => lostEntry(look.server, 'refused', refusal.message)),
    ...(await carryOut(others, target, options)),
  ];
  return {
    executed: execute,
    dead: formatAddress(dead.address),
    target: target.look.server,
    promoted: target.promoted !== null,
    entries,
    toPromote: target.promoted ? promotionOf(target.promoted) : [],
  };
}

async function lookAtAll({
  replicas,
  promote,
  signal,
}: RegroupOptions): Promise<{ looks: Look[]; lost: RegroupEntry[] }> {
  const wanted = new Map<string, Instance>();
  for (const instance of [...replicas, ...(promote ? [promote] : [])]) {
    wanted.set(formatAddress(instance.address), instance);
  }
  const results = await Promise.all(
    [...wanted].map(async ([server, instance]) => {
      try {
        return await lookAt(instance, signal);
      } catch (error) {
        signal.throwIfAborted();
        return lostBy(server, error);
      }
    }),
  );
  return {
    looks: results.filter((result) => 'inspection' in result),
    lost: results.filter((result) => 'state' in result),
  };
}

function choose(members: readonly MovableReplica[], { dead, promote, forced }: RegroupOptions): Target {
  const server = formatAddress(dead.address);
  if (promote === null) {
    const promoted = mostAdvanced(members, server, forced);
    if (promoted) return { look: promoted.look, promoted };
    throw new WaymarkError(
      'no-candidate',
      `None of the replicas of ${server} can become a source: a source must write what it replicates to its ` +
        'binary log (log_slave_updates), must not be delayed on purpose, and must have no error',
      { details: { server } },
    );
  }
  const name = formatAddress(promote.address);
  const promoted = members.find(({ look }) => look.server === name);
  const why = promoted
    ? loggingRefusal(promoted.look)?.message
    : `it is no replica of ${server} that can be used`;
  if (promoted && why === undefined) return { look: promoted.look, promoted };
  throw new WaymarkError('refused', `${name} can't be promoted: ${why ?? ''}`, { details: { server: name } });
}

/** @throws what moving throws; then the promoted one replicates as it did. */
async function carryOut(
  others: readonly MovableReplica[],
  target: Target,
  options: RegroupOptions,
): Promise<RegroupEntry[]> {
  const { promoted } = target;
  if (!options.execute || promoted === null) return moveAll(others, target, options);
  const { server } = promoted.look;
  try {
    await completePromoted(promoted, options.signal, (step) => {
      options.onStep(server, step);
    });
    return await moveAll(others, target, options);
  } catch (error) {
    options.onStep(server, 'Failed; starting its replication again');
    throw await resumePromoted(error, promoted);
  }
}

/** In parallel; those that are behind on purpose go last, when the others are safe. */
async function moveAll(
  others: readonly MovableReplica[],
  target: Target,
  options: RegroupOptions,
): Promise<RegroupEntry[]> {
  const prompt = others.filter(({ channel }) => channel.delaySeconds === 0);
  const delayed = others.filter(({ channel }) => channel.delaySeconds > 0);
  const entries: RegroupEntry[] = [];
  for (const group of [prompt, delayed]) {
    entries.push(...(await Promise.all(group.map((member) => moveOne(member, target, options)))));
    if (options.signal.aborted) throw interrupted(entries, options.signal);
  }
  return entries;
}

async function moveOne(
  { look }: MovableReplica,
  target: Target,
  options: RegroupOptions,
): Promise<RegroupEntry> {
  const { execute, forced, format, signal } = options;
  const replica = look.server;
  try {
    const result = await repoint({
      replica: look.instance,
      below: target.look.instance,
      execute,
      forced,
      format,
      signal,
      // Nobody can inject on a server that has just been promoted.
      awaitHint: target.promoted === null,
      onStep: (step) => {
        options.onStep(replica, step);
      },
    });
    return { state: 'repointed', replica, result };
  } catch (error) {
    const early = hasCode(error, 'server-behind') || hasCode(error, 'behind');
    if (early && !execute && target.promoted && !hasAppliedAll(target.promoted.channel)) {
      const reason = `its place can be found when ${target.look.server} has applied what it has received`;
      return { state: 'later', replica, reason };
    }
    return lostBy(replica, error);
  }
}

function lostBy(replica: string, error: unknown): RegroupEntry {
  if (!(error instanceof Error)) throw error;
  // What nobody raised on purpose is a mistake of ours, unless we were interrupted.
  if (!(error instanceof WaymarkError)) return lostEntry(replica, 'interrupted', messageOf(error));
  return lostEntry(replica, error.code, error.message);
}

function lostEntry(replica: string, code: ErrorCode, reason: string): RegroupEntry {
  return { state: 'lost', replica, code, reason };
}

function interrupted(entries: readonly RegroupEntry[], signal: AbortSignal): WaymarkError {
  const moved = entries.flatMap((entry) => (entry.state === 'repointed' ? [entry.replica] : []));
  const reasons = entries.flatMap((entry) => (entry.state === 'lost' ? [entry.reason] : []));
  return new WaymarkError(
    'interrupted',
    `${messageOf(signal.reason)}. Moved: ${moved.join(', ') || 'none'}. ${reasons.join('. ')}. ` +
      'The same command again goes on from here',
    { details: { moved } },
  );
}
