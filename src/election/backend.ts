import type { Ballot, ElectionLogger } from './campaign.js';
import type { LeaderView, AgentId } from './election.js';

/** What elections in any backend go by. */
export type BackendOptions = {
  readonly self: AgentId;
  /** How long a lease is good for that isn't renewed: milliseconds, as the other two. */
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly marginMs: number;
  readonly logger: ElectionLogger;
};

/**
 * Where candidates and living agents are written down, for all streams of a process.
 * Whatever asks it rejects with `election-store` when it can't be reached or refuses.
 */
export interface Backend<Seen> {
  readonly name: 'zookeeper' | 'mysql';
  of(stream: string): StreamBackend<Seen>;
  /** The agents that live, in the order of their names. */
  agents(signal: AbortSignal): Promise<readonly AgentId[]>;
  /** Says that this agent lives. */
  appear(signal: AbortSignal): Promise<void>;
  /** Says so again where that is needed: called at each interval. */
  stay(signal: AbortSignal): Promise<void>;
  /** Says that this agent lives no longer. */
  disappear(): Promise<void>;
  close(): Promise<void>;
}

/** What is written down about the election of one stream; `Seen` is what one look shows of it. */
export interface StreamBackend<Seen> {
  /** For how long whoever gave up lets the others go first: milliseconds. */
  restMs(): number;
  /** A new candidate. */
  stand(): Ballot;
  look(signal: AbortSignal): Promise<Seen>;
  view(seen: Seen): LeaderView;
  /**
   * Asks for a leader on that host (null: any other one) in place of the one that was seen.
   * @throws WaymarkError `not-leader` where it is known that nobody waits there.
   */
  demand(host: string | null, seen: Seen, signal: AbortSignal): Promise<void>;
  /** What is wrong when nobody on that host took over. */
  absenceOn(host: string): string;
}
