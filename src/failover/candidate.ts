import type { Logger } from 'pino';
import type { TableFilter } from '../config/table-filter.js';
import type { HintFormat } from '../hints/hint.js';
import { DivergedError, findResumePoint, type ResumeProgress, type Resumption } from '../matching/resume.js';
import type { TrailEntry } from '../matching/trail.js';
import { connect, discard } from '../mysql/connection.js';
import { readBinaryLogs, type ReplicationChannel } from '../mysql/server.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { withDeadline } from '../util/async.js';
import { settingsFindings } from '../mysql/settings-findings.js';
import { preflightErrors } from '../mysql/findings.js';
import { type Inspection, inspect } from '../mysql/inspect.js';
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
    readonly sequence: number;
  };
};

export type CandidateOptions = {
  readonly history: StreamHistory;
  readonly margin: number;
  readonly format: HintFormat;
  readonly filter: TableFilter;
  readonly onDivergence: 'halt' | 'continue';
  readonly breadcrumbs: Breadcrumbs;
  readonly logger: Logger;
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
  const { history, logger, breadcrumbs } = options;
  const inspection = await inspect(member.instance, signal, inspectTimeoutMs);
  const rejections = rejectionsOf(member, inspection, history.filters);
  if (rejections.length > 0) {
    throw new WaymarkError('unsuitable-server', `${member.name} can't take over: ${rejections.join('; ')}`, {
      details: { server: member.name, rejections },
    });
  }
  const ordered = history.ordered && inspection.facts.keepsCommitOrder;
  const oldest = history.trail.find((entry) => entry.kind === 'hint');
  if (oldest === undefined && (await isSamePlace(member, inspection, history.place, signal))) {
    return { member, inspection, resumption: withoutProof(history), ordered };
  }
  let reported = '';
  const report = (phase: string, fields: object, message: string): void => {
    if (phase !== reported)
      logger.info({ event: `candidate.${phase}`, server: member.name, ...fields }, message);
    reported = phase;
  };
  try {
    const resumption = await findResumePoint({
      instance: member.instance,
      inspection,
      trail: history.trail,
      trailOrdered: history.ordered,
      margin: options.margin,
      format: options.format,
      filter: options.filter,
      signal,
      startHere: oldest?.kind === 'hint' ? breadcrumbs.before(member, oldest.hint) : null,
      onProgress: (progress) => {
        if (progress.phase === 'behind') report('behind', {}, `${progress.message} Waiting for it`);
        if (progress.phase === 'located') reportLocated(report, member, progress);
      },
    });
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

/**
 * Whether a member is the server that was read last, with the log that it had: only then its coordinates mean
 * something without a hint to prove them.
 */
async function isSamePlace(
  member: Member,
  { facts }: Inspection,
  { serverId, uuid, coordinates }: StreamHistory['place'],
  signal: AbortSignal,
): Promise<boolean> {
  if (facts.serverId !== serverId || facts.uuid !== uuid || uuid === '') return false;
  const connection = await connect(member.instance, { signal });
  try {
    const logs = await withDeadline(
      readBinaryLogs(connection),
      inspectTimeoutMs,
      () => new WaymarkError('server-unreachable', `${member.name} did not list its binary logs in time`),
    );
    return logs.some(({ file, sizeBytes }) => file === coordinates.file && sizeBytes >= coordinates.position);
  } finally {
    discard(connection);
  }
}

function withoutProof({ trail, place }: StreamHistory): Resumption {
  return {
    resume: { coordinates: place.coordinates, trail, sequence: place.sequence, skip: [] },
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
      `its replication filters (${own.join(', ') || 'none'}) are not those of the server before (${filters.join(', ') || 'none'})`,
    );
  }
  return reasons;
}

/** All replication filters of a server, in a comparable order. */
export function filtersOfChannels(channels: readonly ReplicationChannel[]): readonly string[] {
  return channels.flatMap(({ filters }) => filters).toSorted();
}
