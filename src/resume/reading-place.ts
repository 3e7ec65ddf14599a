import type { Confidence, ResumePoint } from '../matching/match-state.js';
import { commitsInOneOrder, type Inspection } from '../mysql/inspect.js';
import { isBinlogServer } from '../mysql/server-facts.js';
import type { Progress } from '../tail/progress.js';
import { filtersOfChannels, type Place, type StreamHistory } from './candidate.js';
import type { Member } from '../pool/members.js';

/** Where the stream is read from. */
export type ReadingPlace = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
  readonly confidence: Confidence | null;
  readonly hint: string | null;
  /** Whether the rest of a transaction that was cut off must come first. */
  readonly ordered: boolean;
  /** Transactions of the trail that were met there. */
  readonly matched: number;
  /** The cost of finding the place. Null if there was nothing to find. */
  readonly took: { readonly locateMs: number; readonly verifyMs: number } | null;
};

/** The place that a search has found, as a source. */
export function readingPlaceOf({ member, inspection, resumption, ordered }: Place): ReadingPlace {
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
 * Whether the trail stays in the order of the source: the server keeps that order, and nothing after the place was
 * delivered from another server before.
 */
export function standsInOrder({ inspection, resume }: ReadingPlace): boolean {
  return commitsInOneOrder(inspection) && resume.skip.length === 0;
}

/** What was delivered, as read from a server. Candidates are compared with it. */
export function historyOf(progress: Progress, source: ReadingPlace): StreamHistory {
  const { facts, channels } = source.inspection;
  const { serverId, uuid } = facts;
  return {
    trail: progress.keeper.entries,
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
