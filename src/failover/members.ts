import { formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { Finding } from './finding.js';
import type { Probe, ProbeOutcome } from './probe.js';

/** How a server replicates, as it says itself. */
export type ReplicationEvidence = {
  /** `host:port` */
  readonly source: string;
  /** 0: its receiver has never connected. */
  readonly sourceServerId: number;
  readonly receiverRunning: boolean;
  readonly applierRunning: boolean;
  readonly lagSeconds: number | null;
  readonly delaySeconds: number;
  readonly lastError: string;
  /** How far it has executed its source's log, `file:position` there. */
  readonly executed: string;
};

/** What the last look at a server has shown. Plain JSON. */
export type MemberEvidence = {
  readonly outcome: ProbeOutcome;
  /** Whether it answered; a server that turns us away (too many connections, access denied) didn't. */
  readonly reachable: boolean;
  /** Why it didn't; null when it did. */
  readonly error: string | null;
  /** From the first packet to the greeting's end; null when there was none. */
  readonly connectMs: number | null;
  readonly serverId: number | null;
  readonly uuid: string | null;
  readonly readOnly: boolean | null;
  /** Null when it replicates from nobody, or isn't known. */
  readonly replication: ReplicationEvidence | null;
  /** The end of its own binary log; null when it writes none, or isn't known. */
  readonly coordinates: string | null;
  /** The replicas that it knows of, as `host:port`; null when it may not be asked. */
  readonly replicas: readonly string[] | null;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** A server of the pool, or the source, as the agent sees it now. Plain JSON. */
export type MemberView = {
  /** `host:port` */
  readonly server: string;
  /** `source`: the pool's source where it is no member. */
  readonly role: 'member' | 'source';
  readonly priority: number;
  readonly avoided: boolean;
  /** Whether the stream is read from it. */
  readonly reading: boolean;
  readonly finding: Finding;
  /** What led to the finding; empty when there is nothing to say. */
  readonly reasons: readonly string[];
  /** Why the stream doesn't go on there, while a place for it is wanted; null: nothing is known to be in the way. */
  readonly inTheWay: string | null;
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
};

/** What a probe has shown, as evidence. Pure. */
export function evidenceOf(probe: Probe): MemberEvidence {
  const { outcome, at } = probe;
  if (probe.outcome !== 'answers') {
    return {
      ...{ outcome, at, reachable: false, error: probe.reason, connectMs: null, serverId: null, uuid: null },
      ...{ readOnly: null, replication: null, coordinates: null, replicas: null },
    };
  }
  const { facts, channels, logEnd } = probe.inspection;
  const [channel] = channels;
  return {
    outcome,
    at,
    reachable: true,
    error: null,
    connectMs: probe.connectMs,
    serverId: facts.serverId,
    uuid: facts.uuid,
    readOnly: facts.readOnly,
    replication: channel
      ? {
          source: formatAddress({ host: channel.sourceHost, port: channel.sourcePort }),
          sourceServerId: channel.sourceServerId,
          receiverRunning: channels.every(({ receiverRunning }) => receiverRunning),
          applierRunning: channels.every(({ applierRunning }) => applierRunning),
          lagSeconds: channel.lagSeconds,
          delaySeconds: Math.max(...channels.map(({ delaySeconds }) => delaySeconds)),
          lastError: channels.map(({ lastError }) => lastError).find((error) => error !== '') ?? '',
          executed: formatCoordinates(channel.executed),
        }
      : null,
    coordinates: logEnd && formatCoordinates(logEnd),
    replicas: probe.replicas,
  };
}
