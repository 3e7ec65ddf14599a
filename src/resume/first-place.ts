import type { Logger } from 'pino';
import { compareCoordinates } from '../binlog/coordinates.js';
import type { Checkpoint, StoredCheckpoint } from '../checkpoint/checkpoint.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import { effectOf } from '../layouts/ddl-statement.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import { readStatements } from '../layouts/read-statements.js';
import { mayBeErrant } from '../matching/history.js';
import { commitsInOneOrder, isReplica } from '../mysql/inspect.js';
import { batchOf } from '../records/record-batch.js';
import type { Sink, SinkRecovery } from '../sinks/sink.js';
import type { Progress } from '../tail/progress.js';
import { epochMs } from '../util/clock.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { begin } from './configured-start.js';
import type { StreamHistory } from './candidate.js';
import { gapRecord, gapStartOf, lostCodeOf, LostEndingError, numberingBehind, withAdvice } from './gap.js';
import { type Member, memberAt } from '../pool/members.js';
import {
  anchorsOfRecords,
  endingTrail,
  type KnownEnding,
  numberingOf,
  recoveredGtids,
  recoveredNumbering,
  recoveredTrail,
} from './recovered.js';
import type { ReadingPlace } from './reading-place.js';
import { isAway } from './retries.js';

export type FirstPlaceOptions = {
  readonly config: Config;
  /** The members, as they are configured now. */
  readonly pool: () => readonly Member[];
  /** Looks for a server to go on after this history. It tries `before` alone first, if that is a member. */
  readonly search: (history: StreamHistory, before: Member | null) => Promise<ReadingPlace>;
  readonly progress: Progress;
  /** The layouts of the checkpoint, and later those of the place. */
  readonly layouts: ProvedLayouts;
  readonly filter: TableFilter;
  readonly logger: Logger;
  readonly sink: Sink;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  /** Whether to begin anew, with a record of the gap, if the place is lost. */
  readonly acceptGap: boolean;
};

/**
 * Where a stream goes on: after the sink's records if the checkpoint doesn't have their end, else after the
 * checkpoint. With neither, it begins.
 * @throws what finding the place throws. If no server has it, the error says what can be done.
 */
export async function firstPlace(
  options: FirstPlaceOptions,
  stored: StoredCheckpoint | null,
  recovery: SinkRecovery,
  signal: AbortSignal,
): Promise<ReadingPlace> {
  const { layouts, progress } = options;
  const source = await findPlace(options, stored, recovery, signal);
  progress.layoutVersion = layouts.version;
  return source;
}

async function findPlace(
  options: FirstPlaceOptions,
  stored: StoredCheckpoint | null,
  recovery: SinkRecovery,
  signal: AbortSignal,
): Promise<ReadingPlace> {
  const { ending } = recovery;
  if (ending === undefined && stored === null) return beginning(options, signal);
  try {
    if (ending?.kind === 'lost') throw new LostEndingError(ending.reason);
    if (ending !== undefined) return await resumeFromSink(options, ending);
    if (stored !== null) return await resumeLevel(options, stored, recovery, signal);
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

/** Where a stream goes on after its checkpoint, with the layouts of that place. */
async function resumeLevel(
  options: FirstPlaceOptions,
  stored: StoredCheckpoint,
  recovery: SinkRecovery,
  signal: AbortSignal,
): Promise<ReadingPlace> {
  for (;;) {
    const source = await resumeFromCheckpoint(options, stored, recovery);
    if (recovery.delivered.length === 0 || !options.layouts.isNeeded) return source;
    try {
      await catchUp(options, stored.checkpoint, source, signal);
      return source;
    } catch (error) {
      signal.throwIfAborted();
      // The server died after its place was found. Another one may have it, or this one when it is back.
      if (!isAway(error)) throw error;
      options.logger.warn(
        { event: 'candidate.rejected', server: source.member.name, reason: messageOf(error) },
        `${source.member.name} went away before the stream could begin there: ${messageOf(error)}`,
      );
    }
  }
}

/** Begins anew, and delivers the record of the gap before anything else. */
async function beginBehindGap(
  options: FirstPlaceOptions,
  reason: string,
  from: ReturnType<typeof gapStartOf>,
  signal: AbortSignal,
): Promise<ReadingPlace> {
  const { progress, sink, sinkSignal, logger } = options;
  const begun = await beginning(options, signal);
  const { member, inspection, resume } = begun;
  const { lastHint, sequence } = progress.keeper;
  const before = from && numberingOf({ hint: from.hint, sequence: from.seq });
  const numbering = numberingBehind(before, { hint: lastHint, sequence });
  progress.keeper.restore(resume.trail, numbering.sequence, numbering.hint);
  const source = { server: member.name, serverId: inspection.facts.serverId, ...resume.coordinates };
  const record = gapRecord(reason, from, source, new Date(epochMs()));
  logger.warn(
    { event: 'gap.accepted', id: record.id, from, to: source, reason },
    `The place to go on from is lost, and the stream begins anew at ${member.name}: ${reason}`,
  );
  await sink.deliver(batchOf([record]), sinkSignal);
  return { ...begun, resume: { ...resume, sequence: numbering.sequence } };
}

/** Where a stream goes on after the records of its sink, without a checkpoint. */
async function resumeFromSink(
  { search, progress, layouts, logger }: FirstPlaceOptions,
  ending: KnownEnding,
): Promise<ReadingPlace> {
  layouts.forget();
  const { transactions, last, fromOneServer } = ending;
  const { server, serverId, ...coordinates } = last.source;
  const trail = endingTrail(ending);
  const { sequence, hint } = numberingOf(last);
  progress.keeper.restore(trail, sequence, hint);
  progress.anchors = anchorsOfRecords(ending);
  progress.delivered = null;
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
    `The checkpoint doesn't tell where the sink's records end: the stream goes on after ${last.hint ?? '-'}/${sequence}, ` +
      `which was read from ${server}`,
  );
  const place = {
    ...{ serverId, uuid: '', coordinates, sequence, deliveredBehind: transactions.length },
    ...{ binlogServer: false, record: { server, fromOneServer } },
  };
  const { anchors } = progress;
  const history = { trail, near: null, ordered: true, anchors, delivered: null, filters: null, place };
  return search(history, null);
}

/** Where a stream begins that has no checkpoint yet. */
async function beginning(
  { config, pool, progress, layouts, filter, logger }: FirstPlaceOptions,
  signal: AbortSignal,
): Promise<ReadingPlace> {
  layouts.forget();
  progress.partial = null;
  const { member, inspection, resume } = await begin(pool, config, filter, logger, signal);
  progress.anchors = resume.anchors;
  progress.delivered = resume.delivered;
  progress.keeper.restore(resume.trail, resume.sequence);
  const ordered = commitsInOneOrder(inspection);
  return { member, inspection, resume, confidence: null, anchor: null, ordered, matched: 0, took: null };
}

/**
 * The sink holds more than the checkpoint says. So the layouts are carried through the statements between the two. On
 * another server, or if the order differs, the checkpoint's place isn't known. Then no layout is proved any more.
 */
async function catchUp(
  { layouts, progress, logger }: FirstPlaceOptions,
  { server, coordinates }: Checkpoint,
  { member, inspection, resume }: ReadingPlace,
  signal: AbortSignal,
): Promise<void> {
  const { facts } = inspection;
  const isSame = facts.serverId === server.serverId && facts.uuid === server.uuid;
  const forget = (): void => {
    logger.warn(
      { event: 'layouts.lost', server: member.name },
      'The statements between the checkpoint and the end of the records are not known: tables are looked up again',
    );
    layouts.forget();
  };
  if (!isSame || resume.skip.length > 0 || compareCoordinates(coordinates, resume.coordinates) === null) {
    forget();
    return;
  }
  const { vendor } = facts.version;
  const from = { instance: member.instance, signal };
  try {
    await readStatements(from, coordinates, resume.coordinates, ({ statement, serverId, ofSession }) => {
      const isErrantHere =
        isReplica(inspection) && mayBeErrant(serverId, facts.serverId, progress.sourceServerId);
      layouts.statement(effectOf(statement, vendor), !isErrantHere && !ofSession);
    });
  } catch (error) {
    // The log is gone there.
    if (!hasCode(error, 'coordinates')) throw error;
    forget();
  }
}

/** Where a stream goes on after its checkpoint: on the same server if possible, else on another. */
async function resumeFromCheckpoint(
  { pool, search, progress }: FirstPlaceOptions,
  { checkpoint }: StoredCheckpoint,
  recovery: SinkRecovery,
): Promise<ReadingPlace> {
  const trail = recoveredTrail(checkpoint, recovery);
  const numbering = recoveredNumbering(checkpoint, recovery);
  progress.keeper.restore(trail, numbering.sequence, numbering.hint);
  progress.anchors = checkpoint.anchors;
  progress.delivered = recoveredGtids(checkpoint, recovery);
  progress.partial = recovery.endsBetweenTransactions ? null : checkpoint.trail.partial;
  const { server, coordinates } = checkpoint;
  const { serverId, uuid } = server;
  const deliveredBehind = recovery.delivered.length;
  const place = {
    ...{ serverId, uuid, coordinates, deliveredBehind, sequence: numbering.sequence },
    binlogServer: false,
  };
  const { anchors, delivered } = progress;
  const ordered = checkpoint.keepsOrder;
  const history = { trail, near: null, ordered, anchors, delivered, filters: null, place };
  return search(history, memberAt(pool(), server));
}
