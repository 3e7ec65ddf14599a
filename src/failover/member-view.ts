import type { Finding } from './diagnosis.js';
import type { MemberEvidence } from '../pool/evidence.js';

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
  /** Why the stream doesn't go on there, while a place is being looked for. Null if no obstacle is known. */
  readonly inTheWay: string | null;
  /** Null before the first look. */
  readonly evidence: MemberEvidence | null;
};
