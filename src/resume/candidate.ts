import type { Logger } from 'pino';
import type { TableFilter } from '../config/table-filter.js';
import type { HintFormat } from '../hints/hint.js';
import { isOrdered, type MatchLogOptions } from '../matching/match-log.js';
import {
  DivergedError,
  findResumePoint,
  type ResumeProgress,
  type Resumption,
} from '../matching/resume-point.js';
import { findRecordPlace } from '../matching/delivered-record.js';
import type { HistoryBeforeOptions } from '../matching/history-before.js';
import { findSamePlace } from '../matching/same-place.js';
import type { OwnHistory } from '../matching/own-transactions.js';
import type { GtidState } from '../gtids/gtid-state.js';
import { type AnchorKind, isAnchor, type TrailEntry } from '../matching/trail.js';
import { isBinlogServer, type ReplicationChannel } from '../mysql/server-facts.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { EventBatch } from '../binlog/event.js';
import type { Pulse } from '../dump/pulse.js';
import { settingsFindings } from '../preflight/settings-findings.js';
import { preflightErrors } from '../preflight/preflight-finding.js';
import { commitsInOneOrder, type Inspection, inspect } from '../mysql/inspect.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import type { Breadcrumbs } from '../pool/breadcrumbs.js';
import type { Member } from '../pool/members.js';
import { findNearPlace, type NearTrail, nearTrailFor } from './near-place.js';

/** A member that the stream can go on from. */
export type Place = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resumption: Resumption;
  /** Whether both this server and the one before keep the source's order. */
  readonly ordered: boolean;
  /** A dump that is open already. */
  readonly dump?: OpenDump;
};

/** A dump that is open already. */
export type OpenDump = {
  readonly pulse: Pulse;
  /** Takes it over from a place on. Null if it can't be had from there. The signal ends it. */
  takeOver(start: Coordinates, signal: AbortSignal): AsyncIterable<EventBatch> | null;
};

/** What candidates are compared with. */
export type StreamHistory = {
  readonly trail: readonly TrailEntry[];
  /** The end of the trail by a GTID, where hints anchor the stream. Null: it isn't known. */
  readonly near: NearTrail | null;
  /** Whether the server it was read from commits in the order of the source. */
  readonly ordered: boolean;
  /** What anchors the stream. */
  readonly anchors: AnchorKind;
  /** Everything that was delivered, by GTID. Null if that isn't known. */
  readonly delivered: GtidState | null;
  /** Replication filters of that server. Null if it isn't known (after a restart of the agent). */
  readonly filters: readonly string[] | null;
  /** The stream's last place, with the identity of the server. */
  readonly place: {
    readonly serverId: number;
    readonly uuid: string;
    readonly coordinates: Coordinates;
    /** How many of the trail's last transactions were delivered later, and are after the coordinates. */
    readonly deliveredBehind: number;
    readonly sequence: number;
    /** Whether that was a binlog server. Its coordinates are its source's. */
    readonly binlogServer: boolean;
    /**
     * Set if only a sink's last record has the place. Its coordinates are inside the last transaction of the trail,
     * and the identity of the server isn't known.
     */
    readonly record?: RecordPlace;
  };
};

/** What a sink's last record says about its server. */
type RecordPlace = {
  /** The member's name. */
  readonly server: string;
  /** Whether the whole trail was read from it. Then nothing of it can be after the place. */
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
  /** Tells what a member wrote as the source, if it is a replica. */
  readonly ownOf: (member: Member, inspection: Inspection, signal: AbortSignal) => OwnHistory;
  /** Called when the agent must wait for the member. */
  readonly onBehind?: () => void;
};

const inspectTimeoutMs = 2000;

/**
 * Tries one member: probes it, and finds the place to go on there.
 * @throws WaymarkError `unsuitable-server` with everything that is wrong with it, and what findResumePoint throws.
 */
export async function tryCandidate(
  member: Member,
  options: CandidateOptions,
  signal: AbortSignal,
): Promise<Place> {
  const { history, logger } = options;
  const inspection = await inspect(member.instance, signal, inspectTimeoutMs);
  const rejections = [
    ...rejectionsOf(member, inspection, history.filters),
    ...gtidRejections(member, inspection, history.anchors),
  ];
  if (rejections.length > 0) {
    throw new WaymarkError('unsuitable-server', rejections.join('; '), {
      details: { server: member.name, rejections },
    });
  }
  const ordered = history.ordered && commitsInOneOrder(inspection);
  const oldest = history.trail.find(isAnchor);
  const sameServer = isSameServer(inspection, history.place);
  const own = options.ownOf(member, inspection, signal);
  const common = { instance: member.instance, format: options.format, filter: options.filter, signal, own };
  if (oldest === undefined && sameServer) {
    const coordinates = await findSamePlace(history.place, history.trail, { ...common, inspection });
    if (coordinates) return { member, inspection, resumption: withoutAnchor(history, coordinates), ordered };
  }
  const recorded = await findRecorded(member, options, { ...common, inspection });
  if (recorded) return { member, inspection, resumption: recorded, ordered };
  const near = nearTrailFor(history, inspection);
  if (near !== null) {
    const startHere = sameServer ? near.coordinates : options.breadcrumbs.beforeGtid(member.name, near.gtid);
    const onPhase = progressReporter(member, options);
    const found = await findNearPlace(near, history, {
      ...{ ...common, inspection, margin: options.margin, startHere, onPhase },
    });
    if (found !== null) return { member, inspection, resumption: found, ordered };
  }
  requireProvable(member, inspection, options);
  const find = (order: AssumedOrder): Promise<Resumption> =>
    findResumePoint({
      ...common,
      inspection,
      trail: history.trail,
      ...order,
      margin: options.margin,
      delivered: history.delivered,
      startHere: startOf(member, inspection, options),
      onPhase: progressReporter(member, options),
    });
  try {
    const resumption = await inSomeOrder(ordersOf(history, sameServer), find);
    return { member, inspection, resumption, ordered };
  } catch (error) {
    if (!(error instanceof DivergedError) || options.onDivergence === 'halt') throw error;
    logger.error(
      { event: 'divergence.ignored', ...error.details },
      `${error.message}. It is set, so the stream goes on`,
    );
    return { member, inspection, resumption: unproved(error), ordered: false };
  }
}

/** The place of the sink's last record, if it was read from this server. */
async function findRecorded(
  member: Member,
  { history: { place, trail, anchors } }: CandidateOptions,
  reading: HistoryBeforeOptions,
): Promise<Resumption | null> {
  const { record, serverId, coordinates, sequence } = place;
  if (
    !record?.fromOneServer ||
    record.server !== member.name ||
    serverId !== reading.inspection.facts.serverId
  )
    return null;
  const begun = monotonicMs();
  const found = await findRecordPlace(coordinates, trail, anchors, reading);
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
      errant: 0,
    },
    anchor: null,
    locateMs: 0,
    matchMs: Math.round(monotonicMs() - begun),
  };
}

/**
 * @throws WaymarkError `not-found` if only a sink's records have the place, and have too little for this server: no
 * hint, or, for a server that commits in another order, too few transactions to tell old ones from new ones. The
 * server that they were read from may have the place, so the agent waits for it.
 */
function requireProvable(
  member: Member,
  inspection: Inspection,
  { history, margin }: CandidateOptions,
): void {
  const { place, trail, anchors } = history;
  if (place.record === undefined) return;
  const refuse = (why: string): WaymarkError =>
    new WaymarkError('not-found', `The end of the sink's records can't be found on ${member.name}: ${why}`, {
      details: { server: member.name },
    });
  const onlyThere = `Only ${place.record.server}, where they were read, can tell`;
  if (!trail.some(isAnchor)) {
    const anchor = anchors === 'hint' ? 'hint' : 'GTID';
    throw refuse(`they have no ${anchor} with everything after it. ${onlyThere}`);
  }
  if (anchors === 'gtid' && inspection.facts.version.vendor === 'mariadb' && !commitsInOneOrder(inspection)) {
    throw refuse(
      `it has several replication domains, and the records don't tell what came before them. ${onlyThere}`,
    );
  }
  if (isOrdered({ trailOrdered: true, inspection, trail })) return;
  const transactions = trail.filter(({ kind }) => kind === 'transaction').length;
  if (transactions >= 2 * margin) return;
  throw refuse(
    `they are too few (${transactions} transactions) for a server that may commit in another order than the one before`,
  );
}

/** The assumed order of a trail in a log. */
export type AssumedOrder = Pick<MatchLogOptions, 'trailOrdered' | 'sameLog'>;

/**
 * The possible orders of a trail, the strictest first. That one proves most, and never takes an old transaction for a
 * new one. Pure.
 */
export function ordersOf({ ordered, place }: StreamHistory, sameServer: boolean): readonly AssumedOrder[] {
  const orders: AssumedOrder[] = [{ trailOrdered: ordered }];
  // On the server that it was read from, the trail is in the log's order, even if servers commit out of order. So
  // there is no need to look before it. Before a young trail, that would be what came before the stream's start. If
  // it was assembled before a switch, from another server's order, it is compared like any other.
  if (sameServer) orders.unshift({ trailOrdered: ordered, sameLog: true });
  // What a sink held after the checkpoint may come from a server to which the agent had switched since.
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
 * Where to begin looking for the trail's oldest hint: at its place, if this is the same server. Else at a place noted
 * before it was injected. Else, between a binlog server and its source, at its place on the other one.
 */
function startOf(
  member: Member,
  inspection: Inspection,
  { history, breadcrumbs }: CandidateOptions,
): Coordinates | null {
  const oldest = history.trail.find(isAnchor);
  if (oldest === undefined) return null;
  if (isSameServer(inspection, history.place)) return oldest.coordinates;
  const noted = breadcrumbs.before(member.name, oldest);
  const mayBeCopy = history.place.binlogServer || isBinlogServer(inspection.facts);
  return noted ?? (mayBeCopy ? oldest.coordinates : null);
}

/** Reading what a server has takes less than this. After that, the agent counts as waiting. */
const lagShownAfterMs = 1000;

/** Logs each phase of finding the place once, and reports when the agent must wait for the member. */
function progressReporter(
  member: Member,
  { logger, onBehind }: CandidateOptions,
): (progress: ResumeProgress) => void {
  let reported = '';
  let locatedAtMs = monotonicMs();
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
        locatedAtMs = monotonicMs();
        reportLocated(report, member, progress);
        return;
      case 'matching':
        if (monotonicMs() - locatedAtMs <= lagShownAfterMs) return;
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
    `${member.name} still lacks some of what was delivered: ${transactionsMatched} transactions and ` +
      `${hintsMatched} hints of ${required} have been found. Waiting for the rest: it lags, or its source is gone`,
  );
}

function reportLocated(
  report: (phase: string, fields: object, message: string) => void,
  member: Member,
  { anchor, elapsedMs }: Extract<ResumeProgress, { phase: 'located' }>,
): void {
  const { file, position, filesProbed, bytesScanned } = anchor;
  const named = anchor.by === 'hint' ? { hint: anchor.hint.token } : { gtid: anchor.gtid };
  report(
    'located',
    { ...named, file, position, filesProbed, bytesScanned, elapsedMs },
    `${anchor.by === 'hint' ? `Hint ${anchor.hint.token}` : anchor.gtid} is on ${member.name} at ${file}:${position}`,
  );
}

/** Whether a member is the server that was read last. Its log is verified elsewhere. */
function isSameServer({ facts }: Inspection, { serverId, uuid, record }: StreamHistory['place']): boolean {
  return record === undefined && facts.serverId === serverId && facts.uuid === uuid;
}

/** The same place on the same server, by its coordinates. */
function withoutAnchor({ trail, place }: StreamHistory, coordinates: Coordinates): Resumption {
  return {
    resume: {
      coordinates,
      trail,
      sequence: place.sequence,
      sourceServerId: null,
      skip: [],
    },
    confidence: 'unverified',
    evidence: { transactionsMatched: 0, hintsMatched: 0, required: 0, additional: 0, errant: 0 },
    anchor: null,
    locateMs: 0,
    matchMs: 0,
  };
}

/** The operator has chosen to go on although the servers differ. */
function unproved({ resume, evidence }: DivergedError): Resumption {
  return { resume, confidence: 'unverified', evidence, anchor: null, locateMs: 0, matchMs: 0 };
}

/** Why a member can't take over, whatever its log holds. Empty if it can. Pure. */
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

/** Why a member can't be found by GTID. Pure. */
function gtidRejections({ name }: Member, { facts }: Inspection, anchors: AnchorKind): string[] {
  if (anchors === 'hint' || facts.gtids === 'shared') return [];
  return facts.gtids === 'none'
    ? [`${name} gives transactions no GTIDs, and this stream goes by GTIDs`]
    : [`${name} gives transactions GTIDs of its own (wsrep_gtid_mode is OFF), and this stream goes by GTIDs`];
}

/** All replication filters of a server, in a comparable order. */
export function filtersOfChannels(channels: readonly ReplicationChannel[]): readonly string[] {
  return channels.flatMap(({ filters }) => filters).toSorted();
}
