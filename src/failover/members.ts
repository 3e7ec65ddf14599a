import type { Finding } from './diagnosis.js';

/** What the last look at a server has shown. Plain JSON. */
export type MemberEvidence = {
  /** Whether it answered; a server that turns us away (too many connections, access denied) didn't. */
  readonly reachable: boolean;
  /** Why it didn't; null when it did. */
  readonly error: string | null;
  /** From the first packet to the greeting's end; null when there was none. */
  readonly connectMs: number | null;
  readonly serverId: number | null;
  readonly uuid: string | null;
  readonly readOnly: boolean | null;
  /** How it replicates; null when it replicates from nobody, or isn't known. */
  readonly replication: {
    readonly source: string;
    readonly receiverRunning: boolean;
    readonly applierRunning: boolean;
    readonly lagSeconds: number | null;
    readonly delaySeconds: number;
    readonly lastError: string;
    /** How far it has executed its source's log, `file:position` there. */
    readonly executed: string;
  } | null;
  /** The end of its own binary log; null when it writes none, or isn't known. */
  readonly coordinates: string | null;
  /** On the source: the replicas that it knows of, as `host:port`; null when it may not be asked. */
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
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
};
