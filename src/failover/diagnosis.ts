import { type ClusterFinding, troubleOf } from '../mysql/cluster.js';
import { WaymarkError } from '../util/errors.js';
import type { MemberEvidence, ReplicationEvidence, Sight } from '../pool/evidence.js';
import { isAhead, isSourceOf } from '../pool/source-progress.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** The diagnosis of a server. */
export type Finding =
  | 'healthy'
  /** It lives, but our stream from it broke. */
  | 'stream-broken'
  | 'dead'
  /** We can reach others, but not this one. */
  | 'unreachable'
  /** It lives, but its replication stands still or lags while others go on. */
  | 'stalled'
  /** The stream reads from it, and another server answers at its address now, or its logs were reset. */
  | 'rebuilt'
  /** No member receives anything, because the source is gone. */
  | 'source-down'
  /** We can reach no server. */
  | 'isolated'
  /** It is in a cluster, and nothing new comes to it, or not all of it yet. */
  | ClusterFinding;

/** The state of our own stream from a server. */
export type StreamEvidence = {
  /** Why it ended. Null while it runs. */
  readonly error: string | null;
  /** Time since its last bytes, heartbeats included. */
  readonly silentMs: number;
};

/** What a finding is made from. */
export type Evidence = {
  /** The server that it is about. */
  readonly server: string;
  /** Null if the stream doesn't read from it. */
  readonly stream: StreamEvidence | null;
  /** All servers of the pool and the source, that server among them. */
  readonly sights: readonly Sight[];
  readonly stalledAfterMs: number;
};

/** A finding and what led to it. */
export type Diagnosis = { readonly finding: Finding; readonly reasons: readonly string[] };

/** Errors of the stream that concern only this server. Another one may go on. */
const lostServerCodes = new Set([
  'server-unreachable',
  'access-denied',
  'missing-grant',
  'stream-broken',
  'stream-silent',
  'checksum',
  'protocol',
  'coordinates',
]);

/** Whether an error that ended the tail means that the server is lost. Otherwise the stream itself must stop. */
export function isServerLost(error: unknown): error is WaymarkError {
  return error instanceof WaymarkError && lostServerCodes.has(error.code);
}

/** Heartbeats come every half second. A stream that is silent for longer no longer proves that its server lives. */
const silenceAfterMs = 2000;

/** The finding for a server, by the evidence. Pure. */
export function diagnose(evidence: Evidence): Diagnosis {
  const own = evidence.sights.find(({ server }) => server === evidence.server);
  const { stream } = evidence;
  if (!own?.evidence) return { finding: 'healthy', reasons: ['it has not been probed yet'] };
  if (!own.evidence.reachable) {
    const flows = stream !== null && stream.error === null && stream.silentMs < silenceAfterMs;
    const why = own.evidence.error ?? 'it does not answer';
    if (flows)
      return { finding: 'healthy', reasons: [`the stream runs, but a new connection fails: ${why}`] };
    return notReached(own.server, own.evidence, evidence.sights);
  }
  if (own.changed !== null && stream !== null) return { finding: 'rebuilt', reasons: [own.changed] };
  // First of all, because a new stream from such a server would bring nothing.
  const trouble = troubleOf(own.evidence.cluster);
  if (trouble !== null) return { finding: trouble.finding, reasons: [trouble.reason] };
  if (stream?.error != null) {
    return { finding: 'stream-broken', reasons: [stream.error, 'it answers on a new connection'] };
  }
  const { finding, reasons }: Diagnosis =
    own.evidence.replication === null
      ? { finding: 'healthy', reasons: [] }
      : ofReplica(own, own.evidence.replication, evidence);
  // Nothing is read there, so nothing is lost. Before anything is read there, the place has to be proved anyway.
  return { finding, reasons: own.changed === null ? reasons : [own.changed, ...reasons] };
}

function notReached(server: string, own: MemberEvidence, sights: readonly Sight[]): Diagnosis {
  const why = own.error ?? 'it does not answer';
  const others = sights.filter((sight) => sight.server !== server);
  const heardOf = others.filter(({ evidence }) => evidence !== null && evidence.outcome !== 'no-answer');
  const names = heardOf.map((sight) => sight.server).join(', ');
  switch (own.outcome) {
    case 'answers':
    case 'turned-away':
      return { finding: 'unreachable', reasons: [`it refuses our connection: ${why}`] };
    case 'refused':
      return { finding: 'dead', reasons: [`nothing listens there: ${why}`] };
    case 'no-answer':
      if (heardOf.length === 0) {
        return {
          finding: 'isolated',
          reasons: [why, 'neither another server of the pool nor the source answers'],
        };
      }
      return {
        finding: 'unreachable',
        reasons: [why, `we can reach ${names}`, ...seenByOthers(server, others)],
      };
  }
}

/** What the source says about a server that we can't reach. */
function seenByOthers(server: string, others: readonly Sight[]): string[] {
  const source = others.find(({ evidence }) => (evidence?.replicas ?? []).length > 0);
  if (source === undefined) return [];
  const sees = source.evidence?.replicas?.includes(server) === true;
  return [`${source.server} ${sees ? 'still has it' : "doesn't have it"} among its replicas`];
}

function ofReplica(own: Sight, replication: ReplicationEvidence, evidence: Evidence): Diagnosis {
  const { sights, stalledAfterMs } = evidence;
  const standing = whyItStands(replication);
  const source = sights.find((sight) => isSourceOf(sight, replication));
  if (source !== undefined && isSourceDown(source, sights)) {
    const why = source.evidence?.error ?? 'it does not answer';
    return {
      finding: 'source-down',
      reasons: [`${source.server}: ${why}`, 'no member receives anything from it'],
    };
  }
  const ahead = sights.filter((sight) => isAhead(sight, own));
  const names = ahead.map(({ server }) => server).join(', ');
  if (own.standsForMs >= stalledAfterMs) {
    const reasons = [
      `it has stood still for ${formatDuration(own.standsForMs)}: ${standing ?? 'its threads run but make no progress'}`,
    ];
    return { finding: 'stalled', reasons: [...reasons, `ahead of it: ${names}`] };
  }
  const lagMs = (replication.lagSeconds ?? 0) * 1000;
  const others = ahead.filter((sight) => lagOf(sight) * 1000 < stalledAfterMs);
  if (lagMs >= stalledAfterMs && others.length > 0) {
    const reasons = [`it lags by ${formatSeconds(replication.lagSeconds ?? 0)}`, `ahead of it: ${names}`];
    return { finding: 'stalled', reasons };
  }
  return { finding: 'healthy', reasons: standing === null ? [] : [standing] };
}

/**
 * The source doesn't answer, and no member that answers receives anything from it. So no member will have more than
 * the others.
 */
function isSourceDown(source: Sight, sights: readonly Sight[]): boolean {
  const outcome = source.evidence?.outcome;
  if (outcome !== 'refused' && outcome !== 'no-answer') return false;
  return sights.every(({ evidence }) => evidence?.replication?.receiverRunning !== true);
}

/** Why a replica can't go on. Null if its threads run. Pure. */
export function whyItStands({
  receiverRunning,
  applierRunning,
  lastError,
}: ReplicationEvidence): string | null {
  const stopped = [
    ...(receiverRunning ? [] : ['its receiver (IO thread) is not running']),
    ...(applierRunning ? [] : ['its applier (SQL thread) is not running']),
  ].join(' and ');
  if (stopped === '') return null;
  return lastError === '' ? stopped : `${stopped}: ${lastError}`;
}

/**
 * How far a server lags. A server that isn't a replica doesn't lag. One whose replication is stopped lags infinitely.
 */
export function lagOf({ evidence }: Pick<Sight, 'evidence'>): number {
  if (!evidence?.replication) return 0;
  const { lagSeconds, receiverRunning, applierRunning } = evidence.replication;
  return receiverRunning && applierRunning ? (lagSeconds ?? Infinity) : Infinity;
}
