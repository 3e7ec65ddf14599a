import type { Ballot, ElectionLogger } from './campaign.js';
import type { LeaderView, AgentId } from './election.js';

/** The settings of elections in any backend. Times are in milliseconds. */
export type BackendOptions = {
  readonly self: AgentId;
  /** How long a lease lasts after it was last renewed. */
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly marginMs: number;
  readonly logger: ElectionLogger;
};

/**
 * Where participants and living agents are stored, for all streams of a process. Every request rejects with
 * `election-store` if the backend can't be reached or refuses.
 */
export interface Backend<Seen> {
  readonly name: 'zookeeper' | 'mysql';
  of(stream: string): StreamBackend<Seen>;
  /** Returns the living agents, in the order of their names. */
  agents(signal: AbortSignal): Promise<readonly AgentId[]>;
  /** Announces that this agent lives. */
  appear(signal: AbortSignal): Promise<void>;
  /** Announces it again if that is needed. Called at each interval. */
  stay(signal: AbortSignal): Promise<void>;
  /** Announces that this agent is gone. */
  disappear(): Promise<void>;
  close(): Promise<void>;
}

/** What a backend stores about the election of one stream. `Seen` is what one look shows of it. */
export interface StreamBackend<Seen> {
  /** How many milliseconds an agent that gave up lets the others go first. */
  restMs(): number;
  /** Returns a new participant. */
  stand(): Ballot;
  look(signal: AbortSignal): Promise<Seen>;
  view(seen: Seen): LeaderView;
  /**
   * Asks for a leader on that host (null: any other leader) in place of the one in `seen`.
   * @throws WaymarkError `not-leader` if the backend knows that nobody waits there.
   */
  demand(host: string | null, seen: Seen, signal: AbortSignal): Promise<void>;
  /** Says what is wrong if nobody on that host took over. */
  absenceOn(host: string): string;
}
