import type { Finding } from '../../mysql/preflight.js';
import type { ErrorCode } from '../../util/errors.js';

type PreflightCode = Finding['code'];

/** What `check` can find: all that preflight does, what is wrong with hints and the pool, and our own errors' codes. */
export type CheckFinding = Finding<
  | PreflightCode
  | ErrorCode
  | 'no-hint'
  | 'old-hint'
  | 'hint-search-too-long'
  | 'single-server'
  | 'checkpoint-server'
  | 'missing-table'
  | 'local-checkpoint'
  | 'foreign-key-cascades'
>;

/** The newest hint on a server. */
export type LastHint = {
  /** As on the server: `asc:…`. */
  readonly hint: string;
  readonly file: string;
  readonly position: number;
  /** By the server's clock; null for hints that don't say when they were made. */
  readonly ageSeconds: number | null;
};

/** One member of the pool, as `--json` shows it; what could not be found out is null. */
export type CheckedServer = {
  readonly server: string;
  readonly vendor: string | null;
  readonly version: string | null;
  readonly role: 'source' | 'replica' | 'binlog-server' | null;
  /** Whom it replicates from; empty for a source. */
  readonly replicatesFrom: readonly string[];
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
  readonly findings: readonly CheckFinding[];
  /** What could not be looked at, where nothing needs to be wrong. */
  readonly notes: readonly string[];
  readonly servers: readonly CheckedServer[];
  readonly checkpoint: CheckedCheckpoint;
  /** Tables of our own that `--fix` has made. */
  readonly created: readonly string[];
};
