import { formatCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { ClusterMembership } from '../mysql/cluster.js';
import { hasAppliedAll } from '../mysql/server-facts.js';
import type { Probe, ProbeOutcome } from './probe.js';

/** A server's replication state, by its own account. */
export type ReplicationEvidence = {
  /** `host:port` */
  readonly source: string;
  /** 0 if its receiver has never connected. */
  readonly sourceServerId: number;
  readonly receiverRunning: boolean;
  readonly applierRunning: boolean;
  readonly lagSeconds: number | null;
  readonly delaySeconds: number;
  readonly lastError: string;
  /** How far it has executed its source's log, `file:position` there. */
  readonly executed: string;
  /** Whether it has executed everything that it has received. */
  readonly executedAll: boolean;
};

/** The result of the last probe of a server. Plain JSON. */
export type MemberEvidence = {
  readonly outcome: ProbeOutcome;
  /** Whether it answered. A server that turns us away (too many connections, access denied) didn't. */
  readonly reachable: boolean;
  /** Why it didn't. Null if it did. */
  readonly error: string | null;
  /** Time from the first packet to the end of the greeting. Null if there was none. */
  readonly connectMs: number | null;
  /** Its server_id. If it didn't answer, the one that it had when it last did. */
  readonly serverId: number | null;
  readonly uuid: string | null;
  readonly readOnly: boolean | null;
  /** Null if it isn't a replica, or if that isn't known. */
  readonly replication: ReplicationEvidence | null;
  /** Its place in a Galera cluster or a replication group. Null if it is in none, or if that isn't known. */
  readonly cluster: ClusterMembership | null;
  /** The end of its own binary log. Null if it writes none, or isn't known. */
  readonly coordinates: string | null;
  /** The replicas that it knows of, as `host:port`. Null if it may not be asked. */
  readonly replicas: readonly string[] | null;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** One server, with the latest evidence. */
export type Sight = {
  /** `host:port` */
  readonly server: string;
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
  /** How long it has stood still in its source's log while another server was ahead of it. */
  readonly standsForMs: number;
  /** What shows that it is no longer the same server. Null if nothing does. */
  readonly changed: string | null;
};

/**
 * What a probe has shown, as evidence. Pure.
 * @param lastServerId the server's id when it last answered. Replicas still name a dead source by it.
 */
export function evidenceOf(probe: Probe, lastServerId: number | null): MemberEvidence {
  const { outcome, at } = probe;
  if (probe.outcome !== 'answers') {
    return {
      ...{ outcome, at, reachable: false, error: probe.reason, connectMs: null, uuid: null },
      serverId: lastServerId,
      ...{ readOnly: null, replication: null, cluster: null, coordinates: null, replicas: null },
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
          executedAll: channels.every(hasAppliedAll),
        }
      : null,
    cluster: facts.cluster,
    coordinates: logEnd && formatCoordinates(logEnd),
    replicas: probe.replicas,
  };
}
