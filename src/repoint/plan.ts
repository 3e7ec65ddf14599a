import type { Coordinates } from '../binlog/coordinates.js';
import {
  type ReplicationThread,
  dialectOf,
  type SourceChange,
  type ReplicationStart,
} from '../mysql/dialect.js';
import type { Confidence } from '../matching/match-state.js';
import type { ReplicaPlace } from '../correlate/replica-place.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import { positioningBelow } from './find-place.js';
import type { Look } from './look.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { formatSeconds } from '../util/quantities.js';

/** Where a replica is, and where it goes. */
export type RepointPlan = {
  readonly replica: string;
  readonly below: string;
  readonly from: {
    readonly source: string;
    /** How far the source's log has been applied. */
    readonly file: string;
    readonly position: number;
    readonly positioning: ReplicationStart['by'];
    readonly running: Readonly<Record<ReplicationThread, boolean>>;
    readonly lagSeconds: number | null;
    readonly delaySeconds: number;
  };
  /** The same place in the log of the server it goes below. */
  readonly to: Coordinates & { readonly positioning: ReplicationStart['by'] };
  readonly hint: string | null;
  readonly gtid: string | null;
  readonly transactionsMatched: number;
  readonly confidence: Confidence;
  /** Which log told the place: see ReplicaPlace. */
  readonly via: ReplicaPlace['via'];
  /** What is done on the replica, in order. */
  readonly statements: readonly string[];
  /** What the operator should know. */
  readonly notes: readonly string[];
};

/** What to do on a replica whose place below a server is known. Pure. */
export function planOf(
  replica: Look,
  channel: ReplicaStatus,
  target: Look,
  found: ReplicaPlace,
): RepointPlan {
  const start = positioningBelow(replica, channel, target, found);
  const dialect = dialectOf(replica.inspection.facts.version);
  const { hint, gtid, transactionsMatched, confidence, via, to } = found;
  const { executed, byGtid, receiverRunning, applierRunning, lagSeconds, delaySeconds } = channel;
  return {
    replica: replica.server,
    below: target.server,
    from: {
      source: sourceAddress(channel),
      ...executed,
      positioning: byGtid ? 'gtid' : 'position',
      running: { receiver: receiverRunning, applier: applierRunning },
      lagSeconds,
      delaySeconds,
    },
    to: { ...to, positioning: start.by },
    hint,
    gtid,
    transactionsMatched,
    confidence,
    via,
    statements: [
      dialect.stopThread('receiver', channel.name),
      dialect.stopThread('applier', channel.name),
      dialect.changeSource(changeTo(target, start, channel), channel.name),
      dialect.startThread('receiver', channel.name),
      dialect.startThread('applier', channel.name),
    ],
    notes: notesOf(replica, channel, target, found, start),
  };
}

/** The change of source that puts a replica at a place of the target's log, and keeps its heartbeats. */
export function changeTo(target: Look, start: ReplicationStart, channel: ReplicaStatus): SourceChange {
  const { host, port } = target.instance.address;
  return { host, port, start, heartbeatSeconds: channel.heartbeatSeconds };
}

function notesOf(
  replica: Look,
  channel: ReplicaStatus,
  target: Look,
  { confidence, ownTransactions }: ReplicaPlace,
  start: ReplicationStart,
): string[] {
  const notes: string[] = [];
  const { from, to } = ownTransactions;
  if (from.count > 0) {
    notes.push(`${replica.server} has ${count(from.count)} of its own, which ${target.server} doesn't have`);
  }
  if (to.count > 0 && start.by === 'position') {
    notes.push(`${target.server} has ${count(to.count)} of its own, which ${replica.server} will never get`);
  }
  if (confidence === 'shape') {
    notes.push('contents could not be compared: the tables, kinds and numbers of changes agree');
  }
  if (confidence === 'unverified') {
    notes.push('only hints could be compared');
  }
  if (channel.byGtid && start.by === 'position') {
    notes.push(`it went by GTID; ${target.server} has none that it understands, so it goes by position`);
  }
  if (channel.delaySeconds > 0) {
    notes.push(`it is delayed by ${formatSeconds(channel.delaySeconds)} on purpose, and stays so`);
  }
  return notes;
}

function count(transactions: number): string {
  return transactions === 1 ? 'one transaction' : `${String(transactions)} transactions`;
}
