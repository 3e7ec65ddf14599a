import type { Address } from '../config/address.js';
import type { HintFormat } from '../hints/hint.js';
import { hintSeconds } from '../hints/next-hint.js';
import type { ClusterMembership } from '../mysql/cluster.js';
import type { ServerKind } from '../mysql/instance.js';
import { isBinlogServer } from '../mysql/server-facts.js';
import { epochMs } from '../util/clock.js';
import { type ErrorCode, WaymarkError } from '../util/errors.js';
import type { LivingServer } from './surveyed-server.js';
import { type HintSight, sightHint } from './newest-hint.js';
import { survey, type SurveyOptions } from './survey.js';
import { buildTopology, type Topology, type TopologyServer } from './tree.js';

/** A topology as `waymark topology --json` shows it. */
export type TopologyReport = {
  readonly roots: readonly string[];
  readonly servers: readonly ServerReport[];
};

/** One server of it. */
export type ServerReport = LivingServerReport | DeadServerReport;

type DeadServerReport = {
  readonly server: string;
  readonly also: readonly string[];
  readonly state: 'dead';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly replicas: readonly string[];
};

export type LivingServerReport = {
  readonly server: string;
  readonly also: readonly string[];
  readonly state: 'alive';
  readonly kind: ServerKind;
  readonly vendor: 'mariadb' | 'mysql';
  readonly version: string;
  readonly serverId: number;
  /** Null: it writes no binary log. */
  readonly binlogFormat: string | null;
  readonly logsReplicatedChanges: boolean;
  readonly readOnly: boolean;
  readonly gtids: boolean;
  /** Its place in a Galera cluster or a replication group; null where it is in none. */
  readonly cluster: ClusterMembership | null;
  readonly replicatesFrom: readonly ChannelReport[];
  readonly replicas: readonly string[];
  readonly position: { readonly file: string; readonly position: number } | null;
  readonly hint: string | null;
  readonly hintAgeSeconds: number | null;
  /** The id of the server that the hint was injected on. */
  readonly hintServerId: number | null;
  /** What could not be seen, and what to do about it. */
  readonly notes: readonly string[];
};

export type ChannelReport = {
  readonly server: string;
  readonly channel: string;
  /** The server's word: Yes, No, Connecting, Preparing. */
  readonly receiver: string;
  readonly applier: 'Yes' | 'No';
  readonly lagSeconds: number | null;
  readonly delaySeconds: number;
  readonly byGtid: boolean;
  readonly error: string | null;
};

/**
 * The topology around some servers, from what the living ones say. Only reads.
 * @throws WaymarkError the first server's error when none of them answers; and the signal's reason.
 */
export async function readTopology(starts: readonly Address[], options: SurveyOptions): Promise<Topology> {
  const looks = await survey(starts, options);
  const dead = looks.flatMap((look) => (look.state === 'dead' ? [look] : []));
  if (dead.length === looks.length && dead[0] !== undefined) {
    const { code, reason } = dead[0];
    throw new WaymarkError(code, `None of the servers answers: ${reason}`);
  }
  return buildTopology(looks, starts);
}

/** The same with the hints that are in the servers' logs, as it is shown. */
export async function reportTopology(
  topology: Topology,
  { account, signal, format }: SurveyOptions & { readonly format: HintFormat },
): Promise<TopologyReport> {
  const sight = async ({ look }: TopologyServer): Promise<HintSight | null> => {
    if (look.state === 'dead' || look.logEnd === null) return null;
    const { address, logEnd } = look;
    return sightHint({ instance: { address, account }, logEnd, format, signal });
  };
  const servers = await Promise.all(
    topology.servers.map(async (server) => reportServer(server, await sight(server), epochMs())),
  );
  return { roots: topology.roots, servers };
}

/** One server as it is shown. Pure. */
export function reportServer(server: TopologyServer, sight: HintSight | null, nowMs: number): ServerReport {
  const { look, also, replicas } = server;
  if (look.state === 'dead') {
    return { server: server.server, also, state: 'dead', code: look.code, reason: look.reason, replicas };
  }
  const { facts } = look;
  const hint = sight?.hint ?? null;
  const seconds = hint === null ? null : hintSeconds(hint);
  return {
    server: server.server,
    also,
    state: 'alive',
    kind: isBinlogServer(facts) ? 'binlog-server' : 'server',
    vendor: facts.version.vendor,
    version: facts.version.text,
    serverId: facts.serverId,
    binlogFormat: facts.binaryLogging ? facts.binlogFormat : null,
    logsReplicatedChanges: facts.logsReplicatedChanges,
    readOnly: facts.readOnly,
    gtids: look.gtids,
    cluster: facts.cluster,
    replicatesFrom: server.sources.map(({ server: source, channel }) => ({
      server: source,
      channel: channel.name,
      receiver: channel.receiverState,
      applier: channel.applierRunning ? 'Yes' : 'No',
      lagSeconds: channel.lagSeconds,
      delaySeconds: channel.delaySeconds,
      byGtid: channel.byGtid,
      error: channel.lastError === '' ? null : channel.lastError,
    })),
    replicas,
    position: look.logEnd,
    hint: hint?.token ?? null,
    hintAgeSeconds: seconds === null ? null : Math.max(0, Math.round(nowMs / 1000 - seconds)),
    hintServerId: sight?.hint ? sight.serverId : null,
    notes: notesOf(look, sight),
  };
}

function notesOf(look: LivingServer, sight: HintSight | null): string[] {
  const mariadb = look.facts.version.vendor === 'mariadb';
  const notes: string[] = [];
  if (isBinlogServer(look.facts)) return sight?.hint === null ? [`hint: ${sight.reason}`] : [];
  if (look.channels === null) {
    notes.push(
      `doesn't say whom it replicates from: GRANT ${mariadb ? 'REPLICA MONITOR' : 'REPLICATION CLIENT'}`,
    );
  }
  if (look.listed === null && look.dumpHosts.length === 0) {
    const privilege = mariadb ? 'REPLICATION MASTER ADMIN' : 'REPLICATION SLAVE';
    notes.push(
      `doesn't say who replicates from it: GRANT ${privilege} or PROCESS, or name them in a config file`,
    );
  }
  if (look.listed?.some(({ address }) => address === null)) {
    notes.push('has replicas that do not say where they are: set report_host there');
  }
  if (sight?.hint === null) notes.push(`hint: ${sight.reason}`);
  return notes;
}
