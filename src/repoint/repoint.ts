import type { HintFormat } from '../hints/hint.js';
import type { CorrelateProgress } from '../correlate/result.js';
import type { ReplicaPlace } from '../correlate/replica-place.js';
import type { Instance } from '../mysql/instance.js';
import { getsMore } from '../mysql/inspect.js';
import {
  changeSource,
  channelStatus,
  type ReplicaControl,
  startThread,
  stopThread,
  waitUntilApplied,
  waitUntilMoved,
  withReplica,
} from '../mysql/replication-control.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { describeStart, findPlace, findPlaceInTime, positioningBelow } from './find-place.js';
import { waitForHint } from './hint-arrival.js';
import { type Look, lookAt } from './look.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { changeTo, planOf, type RepointPlan } from './plan.js';
import { type MoveState, putBack } from './put-back.js';
import { type Force, type Pair, proofRefusal, refusalError, refusalOf } from './refusal.js';
import { sourcesAbove } from './source-chain.js';

export type RepointOptions = {
  readonly replica: Instance;
  readonly below: Instance;
  /** Without it nothing is touched. */
  readonly execute: boolean;
  readonly forced: ReadonlySet<Force>;
  /** Whether to wait for a hint to come through: not where nobody can inject yet. */
  readonly awaitHint: boolean;
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  /** Told what is being done, in a sentence each. */
  readonly onStep: (step: string) => void;
  readonly onProgress?: (progress: CorrelateProgress) => void;
};

/** What became of it. */
export type RepointResult =
  | { readonly state: 'planned'; readonly plan: RepointPlan }
  /** It replicates from there already, and both threads run. */
  | { readonly state: 'in-place'; readonly replica: string; readonly below: string }
  | {
      readonly state: 'moved';
      readonly plan: RepointPlan;
      /** The first hint of the new source that came through; null when none came in time, or none was waited for. */
      readonly newHint: string | null;
      /** Whether a hint was waited for: not with a replica that is behind on purpose, and not when told not to. */
      readonly hintAwaited: boolean;
      readonly elapsedMs: number;
    };

/** How long a receiver that is connected may take to learn whose server it is. */
const acquaintanceLimitMs = 15_000;
const acquaintancePollMs = 50;

type Movable = Pair & { readonly channel: ReplicaStatus };

/**
 * Moves a replica below another server, or says what that would take. On any failure, also when the signal fires, the
 * replica is put back where it was; killed in between, it can be run again.
 *
 * @throws WaymarkError `refused` (with the reason), `server-behind` (the replica is ahead of the target), `diverged`,
 * `out-of-order`, `purged`, `not-found`, `no-trail`, `replication`, `interrupted`, `not-put-back`, and what
 * looking at a server throws.
 */
export async function repoint(options: RepointOptions): Promise<RepointResult> {
  const startedAt = monotonicMs();
  const pair = await lookAtBoth(options);
  const { replica, target, channel } = pair;
  if (isInPlace(pair)) return { state: 'in-place', replica: replica.server, below: target.server };
  if (!options.execute) {
    const found = await provenPlace(pair, replica, options);
    return { state: 'planned', plan: planOf(replica, channel, target, found) };
  }
  await tryPlace(pair, options);
  const state = new Move();
  try {
    const moved = await move(pair, state, options);
    return { state: 'moved', ...moved, elapsedMs: Math.round(monotonicMs() - startedAt) };
  } catch (error) {
    options.onStep(`Failed; putting ${replica.server} back`);
    throw await putBack(error, pair, state, options.format);
  }
}

async function lookAtBoth({ replica, below, signal, forced }: RepointOptions): Promise<Movable> {
  const [moved, target] = await Promise.all([lookAt(replica, signal), lookAt(below, signal)]);
  const above = await sourcesAbove(target, signal);
  const pair = { replica: moved, target, above };
  const refusal = refusalOf(pair, forced);
  if (refusal) throw refusalError(moved, target, refusal);
  const [channel] = moved.inspection.channels;
  if (!channel) throw new RangeError('a replica has a channel: refusalOf sees to it');
  return { ...pair, channel };
}

function isInPlace({ target, channel }: Movable): boolean {
  return (
    channel.receiverRunning &&
    channel.applierRunning &&
    channel.sourceServerId === target.inspection.facts.serverId
  );
}

/**
 * Finds the place before anything is touched: what can't be matched is refused now. A target that gets on may be
 * behind for a moment; whether it comes level shows when the replica stands still.
 */
async function tryPlace(pair: Movable, options: RepointOptions): Promise<void> {
  try {
    const found = await findPlace(pair.replica, pair.target, options);
    requireProof(pair, found, options.forced);
  } catch (error) {
    const behind = hasCode(error, 'server-behind') || hasCode(error, 'behind');
    if (!behind || !getsMore(pair.target.inspection)) throw error;
  }
}

/**
 * The place that a move goes by, once the target has come level. On a busy pair it is behind at any moment: the end of
 * the replica's log is read before the target's.
 */
async function provenPlace(pair: Pair, replica: Look, options: RepointOptions): Promise<ReplicaPlace> {
  const found = await findPlaceInTime(replica, pair.target, { ...options, onBehind: options.onStep });
  requireProof(pair, found, options.forced);
  return found;
}

function requireProof(
  { replica, target }: Pair,
  { confidence }: ReplicaPlace,
  forced: ReadonlySet<Force>,
): void {
  const refusal = proofRefusal(confidence, forced);
  if (refusal) throw refusalError(replica, target, refusal);
}

/** How far a move has come, for putting back. */
class Move implements MoveState {
  stoppedAt: MoveState['stoppedAt'] = null;
  sentTo: MoveState['sentTo'] = null;
}

type Moved = { plan: RepointPlan; newHint: string | null; hintAwaited: boolean };

async function move(pair: Movable, state: Move, options: RepointOptions): Promise<Moved> {
  const { replica, target, channel } = pair;
  const { signal, onStep } = options;
  const { version } = replica.inspection.facts;
  return withReplica(replica.instance, version, channel.name, signal, async (control) => {
    await bringToRest(control, channel, onStep);
    state.stoppedAt = (await channelStatus(control)).executed;
    onStep(`Looking for the end of its log on ${target.server}`);
    const resting = await lookAt(replica.instance, signal);
    const found = await provenPlace(pair, resting, options);
    const place = positioningBelow(replica, channel, target, found);
    const plan = planOf(replica, { ...channel, executed: state.stoppedAt }, target, found);
    onStep(`Changing its source: it goes on ${describeStart(place)} below ${target.server}`);
    state.sentTo = place;
    await changeSource(control, changeTo(target, place, channel));
    await startBelow(control, target);
    const hintAwaited = options.awaitHint && channel.delaySeconds === 0 && found.hint !== null;
    if (hintAwaited) onStep('Both threads run. Waiting for a new hint to arrive');
    const newHint = hintAwaited ? await waitForHint(control, target, found.to, options.format) : null;
    return { plan, newHint, hintAwaited };
  });
}

/** How often the rest of a transaction is fetched that stopping the receiver has cut off. */
const refetches = 3;

/**
 * Stops the receiver, lets the applier finish what has come, and stops it, too. While the source is there, what was cut
 * off by that is completed first: MySQL's appliers would wait a minute for the rest before they stop.
 */
async function bringToRest(
  control: ReplicaControl,
  channel: ReplicaStatus,
  onStep: (step: string) => void,
): Promise<void> {
  onStep(`Stopping the receiver of ${control.server}`);
  await stopThread(control, 'receiver');
  // One that is behind on purpose holds back what has come: the other server has that, too.
  if (channel.delaySeconds === 0) {
    onStep('Waiting until it has applied what it has received');
    // It stands still when an earlier run was killed.
    await startThread(control, 'applier');
    for (
      let left = refetches;
      (await waitUntilApplied(control)) === 'all-but-cut-off' && left > 0;
      left -= 1
    ) {
      if (!channel.receiverRunning) break;
      onStep('A transaction was cut off: fetching the rest');
      await startThread(control, 'receiver');
      await waitUntilMoved(control);
      await stopThread(control, 'receiver');
    }
  }
  await stopThread(control, 'applier');
}

/** Starts the receiver first: until it is known that it reaches the right server, nothing is applied. */
async function startBelow(control: ReplicaControl, target: Look): Promise<void> {
  await startThread(control, 'receiver');
  const { serverId } = target.inspection.facts;
  const deadline = monotonicMs() + acquaintanceLimitMs;
  // It runs as soon as it is connected, and asks the source who it is right after that.
  for (;;) {
    const status = await channelStatus(control);
    if (status.sourceServerId === serverId) break;
    if (monotonicMs() > deadline) throw otherServer(control, status, serverId);
    await sleep(acquaintancePollMs, control.signal);
  }
  await startThread(control, 'applier');
}

function otherServer({ server }: ReplicaControl, status: ReplicaStatus, serverId: number): WaymarkError {
  return new WaymarkError(
    'replication',
    `${server} reaches another server under ${sourceAddress(status)} (server_id ${String(status.sourceServerId)}) than we ` +
      `do (${String(serverId)}). Name the server as its replica knows it`,
    { details: { server } },
  );
}
