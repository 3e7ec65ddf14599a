import type { Finding } from './diagnosis.js';
import type { MemberEvidence } from '../pool/evidence.js';
import type { Equal } from '../shadow/shadow.js';

/** A server of the pool, or the source, as the agent sees it now. Plain JSON. */
export type MemberView = {
  /** `host:port` */
  readonly server: string;
  /** `discovered`: a member that isn't in the configuration. `source`: the pool's source where it is no member. */
  readonly role: 'member' | 'discovered' | 'source';
  readonly priority: number;
  readonly avoided: boolean;
  /** Whether the stream is read from it. */
  readonly reading: boolean;
  readonly finding: Finding;
  /** The reasons for the finding. May be empty. */
  readonly reasons: readonly string[];
  /**
   * The last time that it was held against what was delivered, as a shadow, and nothing differed. Null if it never was
   * since it was rebuilt, or while it is read: then it is what others are held against.
   */
  readonly equal: Equal | null;
  /** Why the stream doesn't go on there, while a place is being looked for. Null if no obstacle is known. */
  readonly inTheWay: string | null;
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
};
