import type { Logger } from 'pino';
import type { StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { within } from '../util/limits.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import { commitsInOneOrder } from '../mysql/inspect.js';
import { batchOf } from '../records/record-batch.js';
import type { Sink, SinkRecovery } from '../sinks/sink.js';
import { restoreGtidPosition } from '../tail/gtid-position.js';
import type { Progress } from '../tail/progress.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { begin } from './beginning.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import type { CandidateOptions } from './candidate.js';
import { gapRecord, gapStartOf, lostCodeOf, LostEndingError, numberingBehind, withAdvice } from './gap.js';
import { wholePool } from './next-place.js';
import { memberAt } from './pool.js';
import {
  endingTrail,
  type KnownEnding,
  numberingOf,
  recoveredNumbering,
  recoveredTrail,
} from './recovered.js';
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
  readonly sink: Sink;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  /** Whether the stream is begun anew, with a record of the gap, where its place is lost. */
  readonly acceptGap: boolean;
};

/**
 * Where a stream goes on: where the sink's records end, if the checkpoint doesn't tell that; else behind the checkpoint;
 * and where neither is, it begins.
 * @throws what finding the place throws; where it is on no server, the error says what can be done.
 */
export async function firstPlace(
  options: FirstPlaceOptions,
  stored: StoredCheckpoint | null,
  recovery: SinkRecovery,
  signal: AbortSignal,
): Promise<Source> {
  const { ending } = recovery;
  if (ending === undefined && stored === null) return beginning(options, signal);
  try {
    if (ending?.kind === 'lost') throw new LostEndingError(ending.reason);
    if (ending !== undefined) return await resumeFromSink(options, ending, signal);
    if (stored !== null) return await resumeFromCheckpoint(options, stored, recovery, signal);
    throw new RangeError('there is neither an ending nor a checkpoint');
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WaymarkError)) throw error;
    const code = lostCodeOf(error);
    if (code === null) throw error;
    const from = gapStartOf(stored, recovery);
    if (!options.acceptGap) throw withAdvice(code, error, from);
    return beginBehindGap(options, error.message, from, signal);
  }
}

/** Begins anew, and delivers the record of the gap before anything else. */
async function beginBehindGap(
  options: FirstPlaceOptions,
  reason: string,
  from: ReturnType<typeof gapStartOf>,
  signal: AbortSignal,
): Promise<Source> {
  const { progress, sink, sinkSignal, logger } = options;
  const begun = await beginning(options, signal);
  const { member, inspection, resume } = begun;
  const { lastHint, sequence } = progress.keeper;
  const before = from && numberingOf({ hint: from.hint, sequence: from.seq });
  const numbering = numberingBehind(before, { hint: lastHint, sequence });
  progress.keeper.restore(resume.trail, numbering.sequence, numbering.hint);
  const source = { server: member.name, serverId: inspection.facts.serverId, ...resume.coordinates };
  const record = gapRecord(reason, from, source, new Date());
  logger.warn(
    { event: 'gap.accepted', id: record.id, from, to: source, reason },
    `The place to go on from is lost, and the stream begins anew at ${member.name}: ${reason}`,
  );
  await sink.deliver(batchOf([record]), sinkSignal);
  return { ...begun, resume: { ...resume, sequence: numbering.sequence } };
}

/** Where a stream goes on behind the records of its sink, without a checkpoint. */
async function resumeFromSink(
  { config, supervisor, progress, breadcrumbs, filter, logger }: FirstPlaceOptions,
  ending: KnownEnding,
  signal: AbortSignal,
): Promise<Source> {
  const { transactions, last, fromOneServer } = ending;
  const { server, serverId, ...coordinates } = last.source;
  const trail = endingTrail(ending);
  const { sequence, hint } = numberingOf(last);
  progress.keeper.restore(trail, sequence, hint);
  restoreGtidPosition(
    progress.gtidPosition,
    null,
    transactions.map(({ gtid }) => gtid),
  );
  progress.partial = null;
  logger.warn(
    {
      event: 'sink.ending',
      server,
      ...coordinates,
      hint: last.hint,
      sequence,
      transactions: transactions.length,
    },
    `The checkpoint doesn't tell where the sink's records end: the stream goes on behind ${last.hint ?? '-'}/${sequence}, ` +
      `which was read from ${server}`,
  );
  const candidates = (): CandidateOptions => ({
    history: {
      trail,
      ordered: true,
      filters: null,
      place: {
        ...{ serverId, uuid: '', coordinates, sequence, deliveredBehind: transactions.length },
        binlogServer: false,
        record: { server, fromOneServer },
      },
    },
    margin: config.matching.margin,
    format: config.hints,
    onDivergence: supervisor.failover.onDivergence,
    ...{ breadcrumbs, filter, logger },
  });
  return wholePool(supervisor, 'unreachable', null, candidates, signal);
}

/** Where a stream begins that has no checkpoint yet. */
async function beginning(
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
async function resumeFromCheckpoint(
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
