import type { Logger } from 'pino';
import type { TableFilter } from '../config/table-filter.js';
import type { HintFormat } from '../hints/hint.js';
import { isOrdered, type MatchLogOptions } from '../matching/match-log.js';
import { DivergedError, findResumePoint, type ResumeProgress, type Resumption } from '../matching/resume.js';
import { findRecordPlace } from '../matching/record-place.js';
import { findSamePlace } from '../matching/same-place.js';
import type { TrailEntry } from '../matching/trail.js';
import { isBinlogServer, type ReplicationChannel } from '../mysql/server.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { settingsFindings } from '../mysql/settings-findings.js';
import { preflightErrors } from '../mysql/findings.js';
import { commitsInOneOrder, type Inspection, inspect } from '../mysql/inspect.js';
import { WaymarkError } from '../util/errors.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import type { Member } from './pool.js';

/** A member that the stream can go on from. */
export type Place = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resumption: Resumption;
  /** Whether both this server and the one before keep the source's order. */
  readonly ordered: boolean;
};

/** What the candidates are held against. */
export type StreamHistory = {
  readonly trail: readonly TrailEntry[];
  /** Whether the server it was read from commits in the order of the source. */
  readonly ordered: boolean;
  /** Replication filters of that server; null when it isn't known (after a restart of the agent). */
  readonly filters: readonly string[] | null;
  /** Where the stream stood, and on which life of which server. */
  readonly place: {
    readonly serverId: number;
    readonly uuid: string;
    readonly coordinates: Coordinates;
    /** How many of the trail's last transactions were delivered later, and stand behind the coordinates. */
    readonly deliveredBehind: number;
    readonly sequence: number;
    /** Whether that was a binlog server: its coordinates are its source's. */
    readonly binlogServer: boolean;
    /**
     * Set where a sink's last record alone tells of the place: its coordinates lie within the last transaction of the
     * trail, and which life of the server it was isn't known.
     */
    readonly record?: RecordPlace;
  };
};

/** What a sink's last record tells of the server it was read from. */
type RecordPlace = {
  /** The member's name. */
  readonly server: string;
  /** Whether the whole trail was read from it, so that nothing of it can stand behind the place. */
  readonly fromOneServer: boolean;
};

export type CandidateOptions = {
  readonly history: StreamHistory;
  readonly margin: number;
  readonly format: HintFormat;
  readonly filter: TableFilter;
  readonly onDivergence: 'halt' | 'continue';
  readonly breadcrumbs: Breadcrumbs;
  readonly logger: Logger;
  /** Called when it turns out that the member has to be waited for. */
  readonly onBehind?: () => void;
  /** Told why a member can't go on with the stream, or can't yet. */
  readonly onObstacle?: (member: Member, reason: string) => void;
};

const inspectTimeoutMs = 2000;

/**
 * Tries one member: looks at it, and finds the place to go on there.
 * @throws WaymarkError `unsuitable-server` with everything that is wrong with it, and what findResumePoint throws.
 */
export async function tryCandidate(
  member: Member,
  options: CandidateOptions,
  signal: AbortSignal,
): Promise<Place> {
  const { history, logger } = options;
  const inspection = await inspect(member.instance, signal, inspectTimeoutMs);
  const rejections = rejectionsOf(member, inspection, history.filters);
  if (rejections.length > 0) {
    throw new WaymarkError('unsuitable-server', rejections.join('; '), {
      details: { server: member.name, rejections },
    });
  }
  const ordered = history.ordered && commitsInOneOrder(inspection);
  const oldest = history.trail.find((entry) => entry.kind === 'hint');
  const sameServer = isSameServer(inspection, history.place);
  const common = { instance: member.instance, format: options.format, filter: options.filter, signal };
  if (oldest === undefined && sameServer) {
    const coordinates = await findSamePlace(history.place, history.trail, { ...common, inspection });
    if (coordinates) return { member, inspection, resumption: withoutHint(history, coordinates), ordered };
  }
  const recorded = await findRecorded(member, inspection, options, signal);
  if (recorded) return { member, inspection, resumption: recorded, ordered };
  requireProvable(member, inspection, options);
  const find = (order: AssumedOrder): Promise<Resumption> =>
    findResumePoint({
      ...common,
      inspection,
      trail: history.trail,
      ...order,
      margin: options.margin,
      startHere: startOf(member, inspection, options),
      onProgress: progressReporter(member, options),
    });
  try {
    const resumption = await inSomeOrder(ordersOf(history, sameServer), find);
    return { member, inspection, resumption, ordered };
  } catch (error) {
    if (!(error instanceof DivergedError) || options.onDivergence === 'halt') throw error;
    logger.error(
      { event: 'divergence.ignored', ...error.details },
      `${error.message} — and that is what happens`,
    );
    return { member, inspection, resumption: unproved(error), ordered: false };
  }
}

/** Where the sink's last record stands, if it was read from this server. */
async function findRecorded(
  member: Member,
  inspection: Inspection,
  { history, format, filter }: CandidateOptions,
  signal: AbortSignal,
): Promise<Resumption | null> {
  const { record, serverId, coordinates, sequence } = history.place;
  if (!record?.fromOneServer || record.server !== member.name || serverId !== inspection.facts.serverId)
    return null;
  const begun = performance.now();
  const options = { instance: member.instance, inspection, format, filter, signal };
  const found = await findRecordPlace(coordinates, history.trail, options);
  if (found === null) return null;
  const { transactionsMatched } = found;
  return {
    resume: { ...found.resume, sequence: Math.max(found.resume.sequence, sequence) },
    confidence: transactionsMatched > 0 ? 'exact' : 'unverified',
    evidence: {
      transactionsMatched,
      hintsMatched: 0,
      required: transactionsMatched,
      additional: 0,
      bornHere: 0,
    },
    hint: null,
    locateMs: 0,
    matchMs: Math.round(performance.now() - begun),
  };
}

/**
 * @throws WaymarkError `hint-not-found` when a sink's records alone tell of the place, and say too little of it for this
 * server: no hint, or, for one that commits in another order, so few transactions that what stands before them there
 * could be taken for new. The server that they were read from may have it, and is waited for.
 */
function requireProvable(
  member: Member,
  inspection: Inspection,
  { history, margin }: CandidateOptions,
): void {
  const { place, trail } = history;
  if (place.record === undefined) return;
  const refuse = (why: string): WaymarkError =>
    new WaymarkError(
      'hint-not-found',
      `The end of the sink's records can't be found on ${member.name}: ${why}`,
      {
        details: { server: member.name },
      },
    );
  if (!trail.some(({ kind }) => kind === 'hint')) {
    throw refuse(
      `they name no hint that they have everything behind; only ${place.record.server}, where they were read, can tell`,
    );
  }
  if (isOrdered({ trailOrdered: true, inspection, trail })) return;
  const transactions = trail.filter(({ kind }) => kind === 'transaction').length;
  if (transactions >= 2 * margin) return;
  throw refuse(
    `they are too few (${transactions} transactions) for a server that may commit in another order than the one before`,
  );
}

/** In which order a trail is taken to stand in a log. */
export type AssumedOrder = Pick<MatchLogOptions, 'trailOrdered' | 'sameLog'>;

/** The orders that a trail may stand in, the strictest first: it proves most, and takes nothing old for new. Pure. */
export function ordersOf({ ordered, place }: StreamHistory, sameServer: boolean): readonly AssumedOrder[] {
  const orders: AssumedOrder[] = [{ trailOrdered: ordered }];
  // On the server that it was read from it stands in its order, whatever servers keep, so that nobody need look before
  // it for what may have come otherwise: before a young trail that is what came before the stream's start. Where it was
  // put together from another server's order, before a switch, it is held against the log as anybody's.
  if (sameServer) orders.unshift({ trailOrdered: ordered, sameLog: true });
  // What a sink held behind the checkpoint may be of a server that the agent had switched to since.
  if (ordered && place.deliveredBehind > 0 && place.record === undefined)
    orders.push({ trailOrdered: false });
  return orders;
}

/** @throws what the last of the orders comes to, when the log is found to differ in each. */
async function inSomeOrder(
  [order, ...others]: readonly AssumedOrder[],
  find: (order: AssumedOrder) => Promise<Resumption>,
): Promise<Resumption> {
  if (order === undefined) throw new RangeError('there must be an order');
  try {
    return await find(order);
  } catch (error) {
    if (error instanceof DivergedError && others.length > 0) return inSomeOrder(others, find);
    throw error;
  }
}

/**
 * Where to begin to look for the trail's oldest hint: where it stood on this same server; else a place noted before it
 * was injected; else, between a binlog server and its source, where it stood on the other one of the two.
 */
function startOf(
  member: Member,
  inspection: Inspection,
  { history, breadcrumbs }: CandidateOptions,
): Coordinates | null {
  const oldest = history.trail.find((entry) => entry.kind === 'hint');
  if (oldest?.kind !== 'hint') return null;
  if (isSameServer(inspection, history.place)) return oldest.coordinates;
  const noted = breadcrumbs.before(member, oldest.hint);
  const mayBeCopy = history.place.binlogServer || isBinlogServer(inspection.facts);
  return noted ?? (mayBeCopy ? oldest.coordinates : null);
}

/** Reading what a server has takes less; what takes longer is being waited for. */
const lagShownAfterMs = 1000;

/** Logs each phase of finding the place once, and says when the member has to be waited for. */
function progressReporter(
  member: Member,
  { logger, onBehind }: CandidateOptions,
): (progress: ResumeProgress) => void {
  let reported = '';
  let locatedAtMs = performance.now();
  const report = (phase: string, fields: object, message: string): void => {
    if (phase !== reported) {
      logger.info({ event: `candidate.${phase}`, server: member.name, ...fields }, message);
    }
    reported = phase;
  };
  return (progress) => {
    switch (progress.phase) {
      case 'behind':
        onBehind?.();
        report('behind', {}, `${progress.message} Waiting for it`);
        return;
      case 'located':
        locatedAtMs = performance.now();
        reportLocated(report, member, progress);
        return;
      case 'matching':
        if (performance.now() - locatedAtMs <= lagShownAfterMs) return;
        onBehind?.();
        reportLag(report, member, progress);
    }
  };
}

function reportLag(
  report: (phase: string, fields: object, message: string) => void,
  member: Member,
  { evidence }: Extract<ResumeProgress, { phase: 'matching' }>,
): void {
  const { transactionsMatched, hintsMatched, required } = evidence;
  report(
    'lags',
    { transactionsMatched, hintsMatched, required },
    `${member.name} doesn't have everything yet that was delivered: ${transactionsMatched} transactions and ` +
      `${hintsMatched} hints have been met, of ${required}. Waiting for the rest: it lags, or its source is gone`,
  );
}

function reportLocated(
  report: (phase: string, fields: object, message: string) => void,
  member: Member,
  { hint: place, elapsedMs }: Extract<ResumeProgress, { phase: 'located' }>,
): void {
  const { file, position, filesProbed, bytesScanned } = place;
  const hint = place.hint.token;
  report(
    'located',
    { hint, file, position, filesProbed, bytesScanned, elapsedMs },
    `Hint ${hint} stands on ${member.name} at ${file}:${position}`,
  );
}

/** Whether a member is the server that was read last; what its log holds is for others to prove. */
function isSameServer({ facts }: Inspection, { serverId, uuid, record }: StreamHistory['place']): boolean {
  return record === undefined && facts.serverId === serverId && facts.uuid === uuid;
}

/** The same place on the same server, by its coordinates. */
function withoutHint({ trail, place }: StreamHistory, coordinates: Coordinates): Resumption {
  return {
    resume: {
      coordinates,
      trail,
      sequence: place.sequence,
      sourceServerId: null,
      skip: [],
    },
    confidence: 'unverified',
    evidence: { transactionsMatched: 0, hintsMatched: 0, required: 0, additional: 0, bornHere: 0 },
    hint: null,
    locateMs: 0,
    matchMs: 0,
  };
}

/** The operator has chosen to go on although the servers differ. */
function unproved({ resume, evidence }: DivergedError): Resumption {
  return { resume, confidence: 'unverified', evidence, hint: null, locateMs: 0, matchMs: 0 };
}

/** Why a member can't take over, whatever its log holds. Pure; empty when it can. */
export function rejectionsOf(
  member: Member,
  inspection: Inspection,
  filters: readonly string[] | null,
): string[] {
  const { facts, channels } = inspection;
  const state = { server: member.name, facts, channels, binlogFilters: null, clockOffsetMs: null };
  const reasons = preflightErrors(settingsFindings(state)).map(({ message }) => message);
  const own = filtersOfChannels(channels);
  if (filters !== null && own.join() !== filters.join()) {
    reasons.push(
      `${member.name} has other replication filters (${own.join(', ') || 'none'}) than the server before (${filters.join(', ') || 'none'})`,
    );
  }
  return reasons;
}

/** All replication filters of a server, in a comparable order. */
export function filtersOfChannels(channels: readonly ReplicationChannel[]): readonly string[] {
  return channels.flatMap(({ filters }) => filters).toSorted();
}
