import { formatCoordinates } from '../binlog/coordinates.js';
import type { ReplicationStart } from '../mysql/dialect.js';
import type { HintFormat } from '../hints/hint.js';
import type { CorrelateProgress } from '../correlate/result.js';
import { placeOfReplica, type ReplicaPlace } from '../correlate/replica-place.js';
import { getsMore } from '../mysql/inspect.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { type Look, lookAt, lookUnlessAway } from './look.js';
import { sourceAddress } from '../mysql/server-facts.js';

export type FindPlaceOptions = {
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: CorrelateProgress) => void;
};

/**
 * Where a replica's history stands in another server's log: the end of its own log, found there; without a log of its
 * own, by its source's, or, where that is dead, by what it has fetched from it.
 * @throws what placeOfReplica throws.
 */
export async function findPlace(
  replica: Look,
  target: Look,
  options: FindPlaceOptions,
): Promise<ReplicaPlace> {
  const [channel] = replica.inspection.channels;
  if (!channel) throw new RangeError(`${replica.server} is no replica: refusalOf sees to it`);
  const { logEnd, facts } = replica.inspection;
  const logsAll = logEnd !== null && facts.logsReplicatedChanges;
  if (!logsAll && channel.executed.file === '') throw nothingApplied(replica, channel);
  const source = logsAll ? null : await lookUnlessAway(sourceAddress(channel), replica, options.signal);
  return placeOfReplica({ ...options, replica, channel, source, to: target });
}

/** Sent somewhere by GTID, and not started since: only its source can say where in its log that is. */
function nothingApplied({ server }: Look, channel: ReplicaStatus): WaymarkError {
  return new WaymarkError(
    'replication',
    `${server} writes no log of what it replicates, and has applied nothing of ${sourceAddress(channel)} yet, so its place is ` +
      'not known. Start its replication (START REPLICA, START SLAVE), and try again',
    { details: { server } },
  );
}

/** How long a target that is behind, and gets on, is waited for. */
const behindLimitMs = 30_000;

const behindPollMs = 250;

/** As {@link findPlace}; a target that is behind and replicates is given time to come level. */
export async function findPlaceInTime(
  replica: Look,
  target: Look,
  options: FindPlaceOptions & { readonly onBehind: (message: string) => void },
): Promise<ReplicaPlace> {
  const deadline = monotonicMs() + behindLimitMs;
  for (let current = target; ; current = await lookAt(target.instance, options.signal)) {
    try {
      return await findPlace(replica, current, options);
    } catch (error) {
      const behind = hasCode(error, 'server-behind') || hasCode(error, 'behind');
      if (!behind || !getsMore(current.inspection) || monotonicMs() > deadline) throw error;
      options.onBehind(error.message);
    }
    await sleep(behindPollMs, options.signal);
  }
}

/**
 * How the replica goes on below the target: by GTID where it does so today and the target has GTIDs of the same kind,
 * else by the place that was found. Pure.
 */
export function positioningBelow(
  replica: Look,
  channel: ReplicaStatus,
  target: Look,
  { to }: Pick<ReplicaPlace, 'to'>,
): ReplicationStart {
  const sameVendor = replica.inspection.facts.version.vendor === target.inspection.facts.version.vendor;
  // MySQL: auto-positioning needs a source with gtid_mode=ON (manual, 19.1.4.1); MariaDB has GTIDs always.
  const hasGtids = target.gtidMode === '' || target.gtidMode === 'ON';
  if (channel.byGtid && sameVendor && hasGtids) {
    return { by: 'gtid', mariadbPosition: channel.mariadbPosition };
  }
  return { by: 'position', ...to };
}

/** `at mysql-bin.000003:455`, or `by GTID`. */
export function describeStart(start: ReplicationStart): string {
  switch (start.by) {
    case 'gtid':
      return 'by GTID';
    case 'position':
      return `at ${formatCoordinates(start)}`;
  }
}
