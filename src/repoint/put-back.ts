import { formatCoordinates } from '../binlog/coordinates.js';
import { parseAddress } from '../config/address.js';
import type { HintFormat } from '../hints/hint.js';
import type { ReplicationThread, ReplicationStart } from '../mysql/dialect.js';
import {
  changeSource,
  channelStatus,
  hasEnded,
  type ReplicaControl,
  sendStart,
  startThread,
  stopThread,
  withReplica,
} from '../mysql/replication-control.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import { after } from '../util/clock.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { findPlaceInTime } from './find-place.js';
import { type Look, lookAt } from './look.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { formatDuration } from '../util/quantities.js';

/** How a replica was before anything was done to it. */
export type Origin = {
  readonly replica: Look;
  readonly channel: ReplicaStatus;
};

/** How far a move had come. */
export type MoveState = {
  /** What had been applied when both threads stood still; null: they had not been stopped yet. */
  readonly stoppedAt: ReplicaStatus['executed'] | null;
  /** Where it was sent; null: no change of source had been begun. */
  readonly sentTo: ReplicationStart | null;
};

/** All of it together; an operator who waits for the terminal to come back must get it back. */
const putBackLimitMs = 300_000;

/**
 * Puts a replica back exactly where it was, after a move has failed or was interrupted, and gives the error to end
 * with: what went wrong, and that the replica is back (the same code), or `not-put-back` with what to do.
 */
export async function putBack(
  cause: unknown,
  origin: Origin,
  state: MoveState,
  format: HintFormat,
): Promise<WaymarkError> {
  try {
    const how = await withOrigin(origin, (control) => restore(control, origin, state, format));
    return ended(cause, `${messageOf(cause)}. ${how}`, origin, true);
  } catch (error) {
    return ended(cause, stranded(cause, error, origin, state), origin, false);
  }
}

/** Works on a replica to put it back: whoever interrupted us doesn't interrupt that. */
export async function withOrigin<T>(
  { replica, channel }: Origin,
  work: (control: ReplicaControl) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = after(putBackLimitMs, () => {
    limit.abort(new Error(`not done within ${formatDuration(putBackLimitMs)}`));
  });
  const { version } = replica.inspection.facts;
  try {
    return await withReplica(replica.instance, version, channel.name, limit.signal, work);
  } finally {
    timer.cancel();
  }
}

async function restore(
  control: ReplicaControl,
  { replica, channel }: Origin,
  state: MoveState,
  format: HintFormat,
): Promise<string> {
  let positioning = '';
  if (state.sentTo !== null) {
    // What was under way when the error came is done by the time that both have stopped.
    await stopThread(control, 'receiver');
    await stopThread(control, 'applier');
    const status = await channelStatus(control);
    const start = await startToReturnTo({ replica, channel }, state, status, control.signal, format);
    if (start) {
      const { sourceHost: host, sourcePort: port, heartbeatSeconds } = channel;
      await changeSource(control, { host, port, start, heartbeatSeconds });
      // What it applied meanwhile has no GTID that its former source knows.
      if (channel.byGtid && start.by === 'position') positioning = ', by position and no longer by GTID';
    }
  }
  const threads = await sendStarts(control, channel);
  const ran = threads.filter((thread) => thread === 'applier' || channel.receiverRunning);
  const how = threads.length === 0 ? 'stopped, as it was' : await whatRuns(control, ran);
  return `${control.server} is back where it was, below ${sourceAddress(channel)}${positioning}, ${how}`;
}

/**
 * Starts the threads that ran. The applier first: a receiver of MariaDB's that starts alone by GTID throws the relay log
 * away. A receiver that only tries to connect was running, too.
 */
export async function sendStarts(
  control: ReplicaControl,
  channel: ReplicaStatus,
): Promise<readonly ReplicationThread[]> {
  const threads = [
    ...(channel.applierRunning ? (['applier'] as const) : []),
    ...(hasEnded(channel) ? [] : (['receiver'] as const)),
  ];
  for (const thread of threads) await sendStart(control, thread);
  return threads;
}

/** Where it goes on in the log of its former source; null when it has never been sent away. */
async function startToReturnTo(
  { replica, channel }: Origin,
  state: MoveState,
  status: ReplicaStatus,
  signal: AbortSignal,
  format: HintFormat,
): Promise<ReplicationStart | null> {
  const known = knownReturn(channel, state, status);
  if (known !== 'to-be-found') return known;
  const address = parseAddress(sourceAddress(channel));
  const [now, source] = await Promise.all([
    lookAt(replica.instance, signal),
    lookAt({ address, account: replica.instance.account }, signal),
  ]);
  const { to } = await findPlaceInTime(now, source, { format, signal, onBehind: () => undefined });
  return { by: 'position', ...to };
}

/**
 * Where it goes on below its former source, as far as that is known without looking; null when it has never been sent
 * away. What it has applied of the other server's by position moves its place in its former source's log, and is in no
 * GTID position: going on by GTID would apply it again. Pure.
 */
export function knownReturn(
  channel: ReplicaStatus,
  { stoppedAt, sentTo }: MoveState,
  status: ReplicaStatus,
): ReplicationStart | 'to-be-found' | null {
  const isAt = (place: ReplicaStatus['executed'] | null): boolean =>
    place !== null && status.executed.file === place.file && status.executed.position === place.position;
  if (sourceAddress(status) === sourceAddress(channel) && isAt(stoppedAt)) return null;
  const untouched = sentTo?.by === 'position' && isAt(sentTo);
  if (channel.byGtid && (untouched || sentTo?.by !== 'position')) {
    return { by: 'gtid', mariadbPosition: channel.mariadbPosition };
  }
  return untouched && stoppedAt ? { by: 'position', ...stoppedAt } : 'to-be-found';
}

/** Its former source may have gone away meanwhile: then it waits for it, as any replica does. */
async function whatRuns(control: ReplicaControl, threads: readonly ReplicationThread[]): Promise<string> {
  for (const thread of threads) {
    try {
      await startThread(control, thread);
    } catch (error) {
      if (!hasCode(error, 'replication')) throw error;
      return `started again as it was, but its ${thread} doesn't run yet: ${error.message}`;
    }
  }
  return 'running, as it was';
}

function stranded(cause: unknown, error: unknown, origin: Origin, { stoppedAt }: MoveState): string {
  const { replica, channel } = origin;
  const place = stoppedAt ?? channel.executed;
  return (
    `${messageOf(cause)}. And ${replica.server} could not be put back: ${messageOf(error)}. It was below ` +
    `${sourceAddress(channel)}, at ${formatCoordinates(place)}` +
    `${channel.byGtid ? ' (by GTID)' : ''}; see SHOW REPLICA STATUS (SHOW SLAVE STATUS) there, and ` +
    'run the same command again: it goes on from whatever state the replica is in'
  );
}

function ended(cause: unknown, message: string, { replica, channel }: Origin, back: boolean): WaymarkError {
  const details = {
    ...(cause instanceof WaymarkError ? cause.details : {}),
    replica: replica.server,
    source: sourceAddress(channel),
    putBack: back,
  };
  const code = cause instanceof WaymarkError ? cause.code : 'interrupted';
  return new WaymarkError(back ? code : 'not-put-back', message, { cause, details });
}
