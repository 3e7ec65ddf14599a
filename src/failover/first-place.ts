import type { Logger } from 'pino';
import type { StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { within } from '../util/limits.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import { commitsInOneOrder } from '../mysql/inspect.js';
import type { SinkRecovery } from '../sinks/sink.js';
import { restoreGtidPosition } from '../tail/gtid-position.js';
import type { Progress } from '../tail/progress.js';
import { messageOf } from '../util/errors.js';
import { begin, recoveredNumbering, recoveredTrail } from './beginning.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import type { CandidateOptions } from './candidate.js';
import { wholePool } from './next-place.js';
import { memberAt } from './pool.js';
import { searchPool } from './search.js';
import { type Source, sourceOf } from './source.js';
import type { Supervisor } from './supervisor.js';

/** How long the server of the checkpoint has before the others are tried as well. */
const sameServerMs = 5000;

export type FirstPlaceOptions = {
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly progress: Progress;
  readonly breadcrumbs: Breadcrumbs;
  readonly filter: TableFilter;
  readonly logger: Logger;
};

/** Where a stream begins that has no checkpoint yet. */
export async function beginning(
  { config, supervisor, progress, filter, logger }: FirstPlaceOptions,
  signal: AbortSignal,
): Promise<Source> {
  progress.partial = null;
  const { member, inspection, resume } = await begin(() => supervisor.pool, config, filter, logger, signal);
  progress.keeper.restore(resume.trail, resume.sequence);
  restoreGtidPosition(progress.gtidPosition, null, []);
  const ordered = commitsInOneOrder(inspection);
  return { member, inspection, resume, confidence: null, hint: null, ordered, matched: 0, took: null };
}

/** Where a stream goes on after its checkpoint: on the same server if it can, else on whichever can. */
export async function resumeFromCheckpoint(
  { config, supervisor, progress, breadcrumbs, filter, logger }: FirstPlaceOptions,
  { checkpoint }: StoredCheckpoint,
  recovery: SinkRecovery,
  signal: AbortSignal,
): Promise<Source> {
  const trail = recoveredTrail(checkpoint, recovery);
  const numbering = recoveredNumbering(checkpoint, recovery);
  progress.keeper.restore(trail, numbering.sequence, numbering.hint);
  restoreGtidPosition(
    progress.gtidPosition,
    checkpoint.gtidSet,
    recovery.delivered.map(({ gtid }) => gtid),
  );
  progress.partial = recovery.endsBetweenTransactions ? null : checkpoint.trail.partial;
  const { server, coordinates } = checkpoint;
  const { serverId, uuid } = server;
  const deliveredBehind = recovery.delivered.length;
  const candidates = (): CandidateOptions => ({
    history: {
      trail,
      ordered: checkpoint.keepsOrder,
      filters: null,
      place: {
        serverId,
        uuid,
        coordinates,
        deliveredBehind,
        sequence: numbering.sequence,
        binlogServer: false,
      },
    },
    margin: config.matching.margin,
    format: config.hints,
    onDivergence: supervisor.failover.onDivergence,
    ...{ breadcrumbs, filter, logger },
  });
  const before = memberAt(supervisor.pool, server);
  if (before) {
    try {
      return await within(sameServerMs, [signal], async (soon) =>
        sourceOf(await searchPool([{ member: before, rank: 0, once: true }], candidates(), soon)),
      );
    } catch (error) {
      signal.throwIfAborted();
      logger.warn(
        { event: 'restart.elsewhere', server: before.name, reason: messageOf(error) },
        'Trying the whole pool',
      );
    }
  }
  return wholePool(supervisor, 'unreachable', before?.name ?? null, candidates, signal);
}
