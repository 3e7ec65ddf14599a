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
  const replication = own.evidence?.replication;
  if (!replication || !other.evidence || other.server === own.server) return false;
  const { evidence } = other;
  if (isSourceOf(other, replication)) return isBehind(replication.executed, evidence.coordinates);
  if (evidence.replication === null || !haveSameSource(evidence.replication, replication)) return false;
  return isBehind(replication.executed, evidence.replication.executed);
}

/** Whether a server is the source of a replica, by its id or, where the replica has never connected, its address. */
export function isSourceOf(
  { server, evidence }: Seen,
  { source, sourceServerId }: ReplicationEvidence,
): boolean {
  const serverId = evidence?.serverId ?? null;
  return sourceServerId === 0 || serverId === null ? server === source : serverId === sourceServerId;
}

function haveSameSource(a: ReplicationEvidence, b: ReplicationEvidence): boolean {
  if (a.sourceServerId === 0 || b.sourceServerId === 0) return a.source === b.source;
  return a.sourceServerId === b.sourceServerId;
}

function isBehind(place: string, other: string | null): boolean {
  return other !== null && (comparePlaces(place, other) ?? 0) < 0;
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
