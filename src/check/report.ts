import { formatAddress } from '../config/address.js';
import type { AtStart, CheckFinding } from './check-finding.js';
import type { CheckpointState } from './stored-checkpoint.js';
import type { PreflightReport } from '../preflight/preflight.js';
import type { ClusterMembership } from '../mysql/cluster.js';
import { isBinlogServer, sourceAddress } from '../mysql/server-facts.js';

/** The newest hint on a server. */
export type LastHint = {
  /** As on the server: `asc:…`. */
  readonly hint: string;
  readonly file: string;
  readonly position: number;
  /** By the server's clock; null for hints that don't say when they were made. */
  readonly ageSeconds: number | null;
  /** The id of the server that it was injected on. */
  readonly serverId: number;
};

/** One member of the pool, as `--json` shows it; what could not be found out is null. */
export type CheckedServer = {
  readonly server: string;
  readonly vendor: string | null;
  readonly version: string | null;
  readonly role: 'source' | 'replica' | 'binlog-server' | 'cluster-member' | null;
  /** Whom it replicates from; empty for a source. */
  readonly replicatesFrom: readonly string[];
  /** Its place in a Galera cluster or a replication group; null where it is in none. */
  readonly cluster: ClusterMembership | null;
  readonly serverId: number | null;
  readonly uuid: string | null;
  readonly lastHint: LastHint | null;
};

/** The stored checkpoint, as far as it is of interest here. */
export type CheckedCheckpoint = {
  readonly location: string;
  /** The rest is null when there is no record (yet), or it can't be read. */
  readonly server: string | null;
  readonly file: string | null;
  readonly position: number | null;
  /** ISO 8601. */
  readonly savedAt: string | null;
};

/** What `check` gives with `--json`. */
export type CheckReport = {
  /** Whether there are no errors; warnings may be there. */
  readonly ok: boolean;
  /** What `run` would do now: refuse to start, start and wait for what is away, or start. */
  readonly run: AtStart;
  readonly findings: readonly CheckFinding[];
  /** What could not be looked at, where nothing needs to be wrong. */
  readonly notes: readonly string[];
  readonly servers: readonly CheckedServer[];
  readonly checkpoint: CheckedCheckpoint;
  /** Tables of our own that `--fix` has made. */
  readonly created: readonly string[];
};

/** The stored checkpoint as it is shown. */
export function checkedCheckpoint({ location, stored }: CheckpointState): CheckedCheckpoint {
  if (stored === null) return { location, server: null, file: null, position: null, savedAt: null };
  const { server, coordinates, savedAt } = stored.checkpoint;
  return {
    location,
    server: formatAddress(server),
    file: coordinates.file,
    position: coordinates.position,
    savedAt: new Date(savedAt).toISOString(),
  };
}

/** A member of the pool as it is shown, from what was found out about it. */
export function checkedServer({ server, state }: PreflightReport, lastHint: LastHint | null): CheckedServer {
  return {
    server,
    vendor: state?.facts.version.vendor ?? null,
    version: state?.facts.version.text ?? null,
    role: roleOf(state),
    replicatesFrom: (state?.channels ?? []).map(sourceAddress),
    cluster: state?.facts.cluster ?? null,
    serverId: state?.facts.serverId ?? null,
    uuid: state?.facts.uuid ?? null,
    lastHint,
  };
}

function roleOf(state: PreflightReport['state']): CheckedServer['role'] {
  const channels = state?.channels ?? null;
  if (state !== null && isBinlogServer(state.facts)) return 'binlog-server';
  if (channels === null) return null;
  if (channels.length > 0) return 'replica';
  return state?.facts.cluster ? 'cluster-member' : 'source';
}

/** What `run` would do about all findings together. */
export function runOf(findings: readonly CheckFinding[]): AtStart {
  const does = (what: AtStart): boolean => findings.some(({ run }) => run === what);
  if (does('refuses')) return 'refuses';
  return does('waits') ? 'waits' : 'goes-on';
}
