import type { Sight } from '../../../src/pool/evidence.js';
import type { MemberEvidence, ReplicationEvidence } from '../../../src/pool/evidence.js';
import type { ProbeOutcome } from '../../../src/pool/probe.js';

const sourceServerId = 100;

const nothing: MemberEvidence = {
  outcome: 'no-answer',
  reachable: false,
  error: 'it did not answer',
  connectMs: null,
  serverId: null,
  uuid: null,
  readOnly: null,
  replication: null,
  cluster: null,
  coordinates: null,
  replicas: null,
  at: 0,
};

/** A replica that answers. */
export function answers(change: Partial<ReplicationEvidence> = {}): MemberEvidence {
  return {
    ...nothing,
    ...{
      outcome: 'answers',
      reachable: true,
      error: null,
      connectMs: 1,
      serverId: 1,
      uuid: 'u',
      readOnly: true,
    },
    coordinates: 'mysql-bin.000001:500',
    replication: {
      source: 'db0:3306',
      sourceServerId,
      receiverRunning: true,
      applierRunning: true,
      lagSeconds: 0,
      delaySeconds: 0,
      lastError: '',
      executed: 'mysql-bin.000002:100',
      executedAll: true,
      ...change,
    },
  };
}

/** A server that doesn't answer. */
export function mute(outcome: Exclude<ProbeOutcome, 'answers'>): MemberEvidence {
  return { ...nothing, outcome, error: outcome };
}

/** A server as seen. */
export function sight(server: string, evidence: MemberEvidence | null, change: Partial<Sight> = {}): Sight {
  return { server, evidence, standsForMs: 0, changed: null, ...change };
}

/** The source of those that answer, its log at the place that they have executed. */
export function source(change: Partial<MemberEvidence> = {}): Sight {
  const evidence = { ...answers(), serverId: sourceServerId, replication: null };
  return sight('db0:3306', { ...evidence, coordinates: 'mysql-bin.000002:100', ...change });
}
