import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import type { MemberEvidence, ReplicationEvidence } from './evidence.js';

/** A server and what it has shown. */
type Seen = { readonly server: string; readonly evidence: MemberEvidence | null };

/**
 * Whether a server is known to have more of the history than a replica: it is the replica's source and its log
 * continues after what the replica has executed, or it has executed more of the same source's log. If nothing can be
 * compared (replicas of different sources), neither is ahead. Pure.
 */
export function isAhead(other: Seen, own: Seen): boolean {
  return progressBeside(other, own) === 'ahead';
}

/** Like {@link isAhead}, but tells servers that can't be compared from one that isn't ahead. Pure. */
export function progressBeside(other: Seen, own: Seen): 'ahead' | 'not-ahead' | 'unknown' {
  const replication = own.evidence?.replication;
  if (!replication || !other.evidence || other.server === own.server) return 'unknown';
  const { evidence } = other;
  const isSource = isSourceOf(other, replication);
  if (!isSource && !haveSameSource(evidence.replication, replication)) return 'unknown';
  const place = isSource ? evidence.coordinates : (evidence.replication?.executed ?? null);
  const order = place === null ? null : comparePlaces(replication.executed, place);
  if (order === null) return 'unknown';
  return order < 0 ? 'ahead' : 'not-ahead';
}

/** Whether a server is the source of a replica, by its id or, where the replica has never connected, its address. */
export function isSourceOf(
  {
    server,
    evidence,
  }: { readonly server: string; readonly evidence: Pick<MemberEvidence, 'serverId'> | null },
  { source, sourceServerId }: Pick<ReplicationEvidence, 'source' | 'sourceServerId'>,
): boolean {
  const serverId = evidence?.serverId ?? null;
  return sourceServerId === 0 || serverId === null ? server === source : serverId === sourceServerId;
}

function haveSameSource(a: ReplicationEvidence | null, b: ReplicationEvidence): boolean {
  if (a === null) return false;
  if (a.sourceServerId === 0 || b.sourceServerId === 0) return a.source === b.source;
  return a.sourceServerId === b.sourceServerId;
}

/** Compares two places of a log, in the form `file:position`. Null if they can't be compared. */
export function comparePlaces(a: string, b: string): number | null {
  const [left, right] = [placeOf(a), placeOf(b)];
  return left && right && compareCoordinates(left, right);
}

function placeOf(text: string): Coordinates | null {
  const [, file, position] = /^(.+):(\d+)$/.exec(text) ?? [];
  return file === undefined ? null : { file, position: Number(position) };
}

/** A server that stands still in its source's log while another one is ahead of it. */
export type Standstill = { readonly executed: string; readonly sinceMs: number };

/**
 * Notes since when a server has stood still while another one is ahead. Null if it moves, or if none is ahead. Pure.
 */
export function standstillOf(
  before: Standstill | null,
  own: Seen,
  others: readonly Seen[],
  nowMs: number,
): Standstill | null {
  const executed = own.evidence?.replication?.executed;
  if (executed === undefined || !others.some((other) => isAhead(other, own))) return null;
  return before?.executed === executed ? before : { executed, sinceMs: nowMs };
}
