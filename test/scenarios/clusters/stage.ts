import { expect } from 'vitest';
import { formatAddress } from '../../../src/config/address.js';
import { clusterOf, takesPart } from '../../../src/mysql/cluster.js';
import { inspect } from '../../../src/mysql/inspect.js';
import type { Instance } from '../../../src/mysql/instance.js';
import { preflightErrors } from '../../../src/preflight/preflight-finding.js';
import { preflight } from '../../../src/preflight/preflight.js';
import { Secret } from '../../../src/config/secret.js';
import type { GaleraCluster, ReplicationGroup, TestServer, Topology } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { ClusterLoad } from '../../support/cluster-load.js';
import { readAudit } from '../../support/audit.js';
import { agentAccount } from '../../support/grants.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import type { Scenario } from '../../support/scenario.js';

/** A cluster as a scenario wants its servers: the first node gets the hints. */
export function topologyOf(cluster: GaleraCluster | ReplicationGroup): Topology {
  const [source, ...replicas] = cluster.nodes;
  if (source === undefined) throw new Error('the cluster has no nodes');
  return {
    source,
    replicas,
    servers: cluster.nodes,
    addReplica: () => Promise.reject(new Error('a cluster gets no more nodes')),
    waitForReplicas: () => cluster.waitForAll(source),
    stop: () => cluster.stop(),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}

/** A node, with the agent's own account. */
function instanceOf({ host, port }: TestServer): Instance {
  const account = { ...agentAccount, password: new Secret(agentAccount.password) };
  return { address: { host, port }, account };
}

/** A node's part in its cluster, as the agent sees it. */
export async function partOf(
  node: TestServer,
): Promise<{ id: string | null; takesPart: boolean; peers: string[] }> {
  const { facts } = await inspect(instanceOf(node), AbortSignal.timeout(10_000), 5000);
  const { cluster } = facts;
  if (cluster === null) throw new Error(`${node.name} is in no cluster`);
  return {
    id: clusterOf(cluster),
    takesPart: takesPart(cluster),
    peers: cluster.peers.map(formatAddress),
  };
}

/** What `check` finds wrong with a node, with the agent's own account. */
export async function errorsOf(node: TestServer): Promise<string[]> {
  const found = await preflight(instanceOf(node), { signal: AbortSignal.timeout(10_000) });
  return preflightErrors(found).map(({ code }) => code);
}

/** Ends the load, waits for everything to be delivered, and stops the agent. */
export async function deliverAll(stage: Scenario, load: ClusterLoad, node: TestServer): Promise<void> {
  await load.stop();
  const mark = await load.mark(node);
  const holds = () => stage.follower.holds(mark);
  await until('the audit holds everything', holds, { timeoutMs: 30_000, everyMs: 50 });
  await stage.stopAgent();
}

/**
 * Holds what was delivered against the log of a node that has been there all the time: each change once, and in its order
 * where all nodes have one.
 */
export async function judgeBy(
  stage: Scenario,
  node: TestServer,
  order: 'one order' | 'any order',
): Promise<void> {
  const verdict = await judge(stage.records(), await readTruth(node));
  const { missing, doubled, foreign } = verdict;
  const context = `${explain(verdict)}\n${stage.agents.map((agent) => agent.log()).join('\n')}`;
  expect({ missing, doubled, foreign }, context).toEqual({ missing: 0, doubled: 0, foreign: 0 });
  if (order === 'one order') expect(verdict.ok, context).toBe(true);
  expect(verdict.transactions).toBeGreaterThan(50);
  const ids: string[] = [];
  for await (const { id } of readAudit(stage.audit)) ids.push(id);
  expect(new Set(ids).size).toBe(ids.length);
  console.log(explain(verdict));
}
