import type { Confidence, ResumePoint } from '../matching/match-state.js';
import { commitsInOneOrder, type Inspection } from '../mysql/inspect.js';
import { isBinlogServer } from '../mysql/server.js';
import type { Progress } from '../tail/progress.js';
import { filtersOfChannels, type Place, type StreamHistory } from './candidate.js';
import type { Loss } from './move.js';
import type { Member } from './pool.js';
import type { Switch, Timeline } from './state.js';

/** Where the stream is read from. */
export type Source = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
  readonly confidence: Confidence | null;
  readonly hint: string | null;
  /** Whether nothing may come before what is left of a transaction that was cut off. */
  readonly ordered: boolean;
  /** Transactions of the trail that were met there. */
  readonly matched: number;
  /** What finding the place took; null where nothing was to be found. */
  readonly took: { readonly locateMs: number; readonly verifyMs: number } | null;
};

/** The place that a search has found, as a source. */
export function sourceOf({ member, inspection, resumption, ordered }: Place): Source {
  return {
    member,
    inspection,
    resume: resumption.resume,
    confidence: resumption.confidence,
    hint: resumption.hint?.hint.token ?? null,
    ordered,
    matched: resumption.evidence.transactionsMatched,
    took: { locateMs: resumption.locateMs, verifyMs: resumption.matchMs },
  };
}

/**
 * Whether what is delivered from there stands in the trail in the order of the source: the server keeps it, and nothing
 * had been delivered from another one that stands behind the place.
 */
export function standsInOrder({ inspection, resume }: Source): boolean {
  return commitsInOneOrder(inspection) && resume.skip.length === 0;
}

/** What was delivered, as read from a server: what candidates are held against. */
export function historyOf(progress: Progress, source: Source): StreamHistory {
  const { facts, channels } = source.inspection;
  const { serverId, uuid } = facts;
  return {
    trail: progress.keeper.entries.slice(),
    ordered: standsInOrder(source),
    filters: filtersOfChannels(channels),
    place: {
      serverId,
      uuid,
      coordinates: progress.coordinates,
      deliveredBehind: 0,
      sequence: progress.keeper.sequence,
      binlogServer: isBinlogServer(facts),
    },
  };
}

/** The beginning of reading there, as a switch. */
export function switchOf(source: Source, loss: Loss | null): Switch {
  const { member, resume, confidence, hint, matched } = source;
  return {
    from: loss?.member.name ?? null,
    to: member.name,
    finding: loss?.cause ?? (confidence === null ? 'start' : 'restart'),
    confidence,
    hint,
    coordinates: resume.coordinates,
    skipped: matched,
    blackoutMs: null,
    timeline: loss && timelineOf(source, loss),
    at: Date.now(),
  };
}

function timelineOf({ took }: Source, { lastHeardAtMs, foundAtMs }: Loss): Timeline {
  const { locateMs, verifyMs } = took ?? { locateMs: 0, verifyMs: 0 };
  const searchMs = Math.round(performance.now() - foundAtMs);
  return {
    detectMs: Math.round(foundAtMs - lastHeardAtMs),
    chooseMs: Math.max(searchMs - locateMs - verifyMs, 0),
    locateMs,
    verifyMs,
    firstRecordMs: null,
  };
}
