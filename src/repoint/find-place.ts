import { formatCoordinates } from '../binlog/coordinates.js';
import type { SourcePlace } from '../mysql/dialect.js';
import type { HintFormat } from '../hints/hint.js';
import { correlate } from '../matching/correlate.js';
import type { Correlation, CorrelateProgress } from '../matching/correlation.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import { sleep } from '../util/async.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { type Look, lookAt } from './look.js';

export type FindPlaceOptions = {
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: CorrelateProgress) => void;
};

/**
 * Where a replica's history stands in another server's log: the end of its own log, found there.
 * @throws what correlate throws.
 */
export async function findPlace(
  replica: Look,
  target: Look,
  options: FindPlaceOptions,
): Promise<Correlation> {
  const { logEnd, facts } = replica.inspection;
  if (logEnd === null || !facts.logsReplicatedChanges) {
    throw new WaymarkError(
      'unsuitable-server',
      `${replica.server} doesn't write what it replicates to its own log, so its place can't be found`,
      { details: { server: replica.server } },
    );
  }
  return correlate({ ...options, from: replica, at: logEnd, to: target });
}

/** How long a target that is behind, and gets on, is waited for. */
const behindLimitMs = 30_000;

const behindPollMs = 250;

/** As {@link findPlace}; a target that is behind and replicates is given time to come level. */
export async function findPlaceInTime(
  replica: Look,
  target: Look,
  options: FindPlaceOptions & { readonly onBehind: (message: string) => void },
): Promise<Correlation> {
  const deadline = performance.now() + behindLimitMs;
  for (let current = target; ; current = await lookAt(target.instance, options.signal)) {
    try {
      return await findPlace(replica, current, options);
    } catch (error) {
      const behind = hasCode(error, 'server-behind') || hasCode(error, 'hint-behind');
      if (!behind || !getsOn(current) || performance.now() > deadline) throw error;
      options.onBehind(error.message);
    }
    await sleep(behindPollMs, options.signal);
  }
}

/** Whether a server is a replica that gets more, so that what it lacks may still come. */
export function getsOn({ inspection }: Look): boolean {
  return inspection.channels.some(({ receiverRunning, applierRunning }) => receiverRunning && applierRunning);
}

/**
 * How the replica goes on below the target: by GTID where it does so today and the target has GTIDs of the same kind,
 * else by the place that was found. Pure.
 */
export function positioningBelow(
  replica: Look,
  channel: ReplicaStatus,
  target: Look,
  { to }: Pick<Correlation, 'to'>,
): SourcePlace {
  const sameVendor = replica.inspection.facts.version.vendor === target.inspection.facts.version.vendor;
  // MySQL: auto-positioning needs a source with gtid_mode=ON (manual, 19.1.4.1); MariaDB has GTIDs always.
  const hasGtids = target.gtidMode === '' || target.gtidMode === 'ON';
  if (channel.positioning === 'gtid' && sameVendor && hasGtids) {
    return { by: 'gtid', mariadbPosition: channel.mariadbPosition };
  }
  return { by: 'position', ...to };
}

/** `mysql-bin.000003:455`, or that the replica says itself what it lacks. */
export function describePlace(place: SourcePlace): string {
  switch (place.by) {
    case 'gtid':
      return 'what it lacks by its GTIDs';
    case 'position':
      return formatCoordinates(place);
  }
}
