/** What an election gives to an agent: the right to work on a stream, as long as the agent can prove that it has it. */

/** An agent as people see it. The id is unique to one run of one process. */
export type AgentId = {
  readonly host: string;
  readonly pid: number;
  /** Tells two runs with the same process id apart. */
  readonly run: string;
};

/**
 * The right to work on a stream.
 *
 * What is promised: when another agent's `campaign` resolves for the same stream, our `lost` has fired and `assertHeld`
 * throws. Both have done so for about the configured margin, unless we have called `resign`. The margin is there to be
 * used up: by clocks that run at different speeds, and by a ZooKeeper server that dies before it passes on that it
 * heard from us. Leaders and waiting agents each use a clock of their own that nobody can set (see `uptimeMs`). The
 * wall clock of a backend may be set at will. A leader that can't renew its lease stops by itself, whatever the reason.
 * A process that was stopped, or whose machine was suspended, finds out at its first `assertHeld`, before any timer can
 * fire.
 *
 * What no clock can promise: if a virtual machine is paused from outside, moved, or restored from a snapshot, its
 * clocks stood still, too. And on any machine, a call right after `assertHeld` may take effect much later. Such a
 * leader trusts its lease until the backend's next answer. Until then its writes are refused by their token: by the
 * checkpoint's store always, by a sink as far as the sink promises it (see Sink).
 */
export type Leadership = {
  /**
   * The fencing token. It is larger than the token of every earlier leader of this stream, whatever happened in
   * between. Each write carries it. A store or sink that knows a newer token must refuse the write.
   */
  readonly token: number;
  /** Fires once, when the leadership ends for any reason. Its reason is a WaymarkError `not-leader`. */
  readonly lost: AbortSignal;
  /**
   * Checks that the leadership still holds. Call it right before each delivery or write.
   * @throws WaymarkError `not-leader` if the leadership has ended. `lost` has fired then, too.
   */
  assertHeld(): void;
  /**
   * Announces that this agent has stopped working. `lost` fires if it hasn't yet, and another agent may lead from now
   * on. So stop working first. Call it after `lost`, too, when everything is closed: then the next leader needn't wait
   * for the margin. Never rejects. If the backend can't be told, the lease expires. To lead again, campaign again:
   * agents that already wait go first.
   */
  resign(): Promise<void>;
};

/** Who works on a stream, as the backend knows it now. */
export type LeaderView = {
  readonly stream: string;
  readonly backend: 'none' | 'zookeeper' | 'mysql';
  /** Null if nobody leads. */
  readonly leader: AgentId | null;
  /** The leader's token. If nobody leads, the last leader's token if the backend knows it, else 0. */
  readonly token: number;
  /** Whether this process is the leader. */
  readonly mine: boolean;
  /** The waiting agents, the next one first. Null if the backend doesn't know them (mysql, none). */
  readonly waiting: readonly AgentId[] | null;
  /** How long ago the leader was last seen, by the backend's clock. Null if that isn't known (zookeeper, none). */
  readonly lastSeenMsAgo: number | null;
};

/**
 * The election of one stream. All calls except `campaign` reject with `election-store` if the backend can't be reached
 * or refuses. The error names the backend.
 */
export interface Election {
  /**
   * Waits until this agent leads. If the backend is away or refuses, it goes on waiting and says so in the log
   * (`election.waiting`). Rejects with the signal's reason. Only one campaign may run at a time. To lead again after
   * `lost`, call it again. The signal ends only the campaign, not the leadership that it won.
   */
  campaign(signal: AbortSignal): Promise<Leadership>;
  show(signal: AbortSignal): Promise<LeaderView>;
  /**
   * Makes an agent on this host the leader, by force. The present leader is told to stop. If it doesn't answer, this
   * waits until its lease has expired. Resolves when an agent on that host leads.
   * @throws WaymarkError `not-leader` if no agent on that host took over.
   */
  take(host: string, signal: AbortSignal): Promise<LeaderView>;
  /**
   * Makes the leader give up in favour of the agents that wait, if it runs on `host` (null: on any host). Resolves when
   * an agent leads again. That may be the same one, if it is the only one.
   * @throws WaymarkError `not-leader` if the leader runs elsewhere, or nobody leads.
   */
  stepDown(host: string | null, signal: AbortSignal): Promise<LeaderView>;
}

/** The elections of one process. Its streams share a connection, or a session. */
export interface Elections {
  readonly self: AgentId;
  /** Returns the election of a stream: the same object each time. */
  of(stream: string): Election;
  /**
   * Returns all living agents that have called `join` on the same backend, this one included, in the order of their
   * names. The scheduler shares the streams out among them.
   */
  agents(signal: AbortSignal): Promise<readonly AgentId[]>;
  /** Lists this process in `agents` from now on, until `close` or the end of the process. */
  join(signal: AbortSignal): Promise<void>;
  /** Ends all campaigns, resigns from all leaderships, and closes the connection. */
  close(): Promise<void>;
}
