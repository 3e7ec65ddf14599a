import { GtidState } from '../gtids/gtid-state.js';
import type { Confidence, ResumePoint } from '../matching/match-state.js';
import type { Located } from '../matching/resume-point.js';
import type { AnchorKind } from '../matching/trail.js';
import { commitsDomainsInOrder, commitsInOneOrder, type Inspection } from '../mysql/inspect.js';
import { isBinlogServer } from '../mysql/server-facts.js';
import type { Progress } from '../tail/progress.js';
import { filtersOfChannels, type OpenDump, type Place, type StreamHistory } from './candidate.js';
import type { Member } from '../pool/members.js';

/** An anchor, as logs and status show it. */
type AnchorName = { readonly kind: AnchorKind; readonly name: string };

/** Where the stream is read from. */
export type ReadingPlace = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
  readonly confidence: Confidence | null;
  /** The hint or the GTID by which the place was found. Null if it wasn't found by one. */
  readonly anchor: AnchorName | null;
  /** Whether the rest of a transaction that was cut off must come first. */
  readonly ordered: boolean;
  /** Transactions of the trail that were met there. */
  readonly matched: number;
  /** The cost of finding the place. Null if there was nothing to find. */
  readonly took: { readonly locateMs: number; readonly verifyMs: number } | null;
  /** A dump that is open there already. */
  readonly dump?: OpenDump | undefined;
};

/** The place that a search has found, as a source. */
export function readingPlaceOf({ member, inspection, resumption, ordered, dump }: Place): ReadingPlace {
  return {
    member,
    inspection,
    resume: resumption.resume,
    confidence: resumption.confidence,
    anchor: resumption.anchor && anchorName(resumption.anchor),
    ordered,
    matched: resumption.evidence.transactionsMatched,
    took: { locateMs: resumption.locateMs, verifyMs: resumption.matchMs },
    dump,
  };
}

function anchorName(anchor: Located): AnchorName {
  return { kind: anchor.by, name: anchor.by === 'hint' ? anchor.hint.token : anchor.gtid };
}

/**
 * Whether the trail stays in the order of the source: the server keeps that order, and nothing after the place was
 * delivered from another server before. With GTIDs, each replication domain of MariaDB has an order of its own, which
 * what came from another domain doesn't change.
 */
export function standsInOrder(
  { inspection, resume }: Pick<ReadingPlace, 'inspection' | 'resume'>,
  anchors: AnchorKind,
): boolean {
  if (anchors === 'gtid' && inspection.facts.version.vendor === 'mariadb')
    return commitsDomainsInOrder(inspection);
  return commitsInOneOrder(inspection) && resume.skip.length === 0;
}

/** What was delivered, as read from a server. Candidates are compared with it. */
export function historyOf(progress: Progress, source: ReadingPlace): StreamHistory {
  const { facts, channels } = source.inspection;
  const { serverId, uuid } = facts;
  const { near } = progress.keeper;
  return {
    trail: progress.keeper.entries,
    near: near && { ...near, sourceServerId: progress.sourceServerId },
    ordered: standsInOrder(source, progress.anchors),
    anchors: progress.anchors,
    // A copy, because the stream may go on while it is compared.
    delivered: progress.delivered && GtidState.parse(progress.delivered.toString()),
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
