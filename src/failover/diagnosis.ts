import { WaymarkError } from '../util/errors.js';
import type { Finding } from './finding.js';
import type { MemberEvidence, ReplicationEvidence } from './members.js';
import { isAhead, isSourceOf } from './source-progress.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** One server, as it has been seen. */
export type Sight = {
  /** `host:port` */
  readonly server: string;
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
  /** How long it has stood at one place of its source's log while another server was ahead of it. */
  readonly standsForMs: number;
  /** What has changed so that it isn't the server it was; null when nothing has. */
  readonly changed: string | null;
};

/** What our own stream from a server shows. */
export type StreamEvidence = {
  /** Why it ended; null while it runs. */
  readonly error: string | null;
  /** Since its last bytes, heartbeats included. */
  readonly silentMs: number;
};

/** What a finding is made from. */
export type Evidence = {
  /** The server that it is about. */
  readonly server: string;
  /** Null when the stream isn't read from it. */
  readonly stream: StreamEvidence | null;
  /** All servers of the pool and the source, that server among them. */
  readonly sights: readonly Sight[];
  readonly stalledAfterMs: number;
};

/** A finding and what led to it. */
export type Diagnosis = { readonly finding: Finding; readonly reasons: readonly string[] };

/** The stream's errors that say something of this server alone: another one may go on. */
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

/** Whether an error that ended the tail means that the server is lost, and not that the stream itself must stop. */
export function isServerLost(error: unknown): error is WaymarkError {
  return error instanceof WaymarkError && lostServerCodes.has(error.code);
}

/** With a heartbeat every half second, a stream that is silent for longer proves nothing any more. */
const silenceAfterMs = 2000;

/** What the evidence says of a server. Pure. */
export function diagnose(evidence: Evidence): Diagnosis {
  const own = evidence.sights.find(({ server }) => server === evidence.server);
  const { stream } = evidence;
  if (!own?.evidence) return { finding: 'healthy', reasons: ['it has not been looked at yet'] };
  if (!own.evidence.reachable) {
    const flows = stream !== null && stream.error === null && stream.silentMs < silenceAfterMs;
    const why = own.evidence.error ?? 'it does not answer';
    if (flows)
      return { finding: 'healthy', reasons: [`the stream flows, and a new connection fails: ${why}`] };
    return notReached(own.server, own.evidence, evidence.sights);
  }
  if (own.changed !== null) return { finding: 'rebuilt', reasons: [own.changed] };
  if (stream?.error != null) {
    return { finding: 'stream-broken', reasons: [stream.error, 'it answers on a new connection'] };
  }
  return own.evidence.replication === null
    ? { finding: 'healthy', reasons: [] }
    : ofReplica(own, own.evidence.replication, evidence);
}

function notReached(server: string, own: MemberEvidence, sights: readonly Sight[]): Diagnosis {
  const why = own.error ?? 'it does not answer';
  const others = sights.filter((sight) => sight.server !== server);
  const heardOf = others.filter(({ evidence }) => evidence !== null && evidence.outcome !== 'no-answer');
  const names = heardOf.map((sight) => sight.server).join(', ');
  switch (own.outcome) {
    case 'answers':
    case 'turned-away':
      return { finding: 'unreachable', reasons: [`it takes no connection of ours: ${why}`] };
    case 'refused':
      return { finding: 'dead', reasons: [`nobody listens there: ${why}`] };
    case 'no-answer':
      if (heardOf.length === 0) {
        return {
          finding: 'isolated',
          reasons: [why, 'no other server of the pool answers either, nor the source'],
        };
      }
      return {
        finding: 'unreachable',
        reasons: [why, `we get through to ${names}`, ...seenByOthers(server, others)],
      };
  }
}

/** What the source says of a server that we can't reach. */
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
      reasons: [`${source.server}: ${why}`, 'no member gets anything from it'],
    };
  }
  const ahead = sights.filter((sight) => isAhead(sight, own));
  const names = ahead.map(({ server }) => server).join(', ');
  if (own.standsForMs >= stalledAfterMs) {
    const reasons = [
      `it has stood still for ${formatDuration(own.standsForMs)}: ${standing ?? 'its threads run and bring nothing'}`,
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

/** The source doesn't answer us, and no member that answers gets anything from it: nobody will have more than it has. */
function isSourceDown(source: Sight, sights: readonly Sight[]): boolean {
  const outcome = source.evidence?.outcome;
  if (outcome !== 'refused' && outcome !== 'no-answer') return false;
  return sights.every(({ evidence }) => evidence?.replication?.receiverRunning !== true);
}

function whyItStands({ receiverRunning, applierRunning, lastError }: ReplicationEvidence): string | null {
  const stopped = [
    ...(receiverRunning ? [] : ['its receiver (IO thread) is not running']),
    ...(applierRunning ? [] : ['its applier (SQL thread) is not running']),
  ].join(' and ');
  if (stopped === '') return null;
  return lastError === '' ? stopped : `${stopped}: ${lastError}`;
}

/** How far a server lags; one that doesn't replicate does not, and one that stands still lags for ever. */
export function lagOf({ evidence }: Pick<Sight, 'evidence'>): number {
  if (!evidence?.replication) return 0;
  const { lagSeconds, receiverRunning, applierRunning } = evidence.replication;
  return receiverRunning && applierRunning ? (lagSeconds ?? Infinity) : Infinity;
}
