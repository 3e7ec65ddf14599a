/**
 * What an election gives to an agent: the right to work on a stream, for as long as it can prove that it has it.
 */

/** An agent as people see it: unique to one life of one process. */
export type AgentId = {
  readonly host: string;
  readonly pid: number;
  /** Tells two lives with the same process id apart. */
  readonly run: string;
};

/**
 * The right to work on a stream.
 *
 * What is promised: at the moment at which anybody else's `campaign` resolves for the same stream, our `lost` has fired
 * and `assertHeld` throws, and did so for about the configured margin, unless we have called `resign` before. (The
 * margin is there to be used up: by clocks that don't run equally fast, and by a ZooKeeper server that dies before it
 * has passed on that it heard from us.) Whoever leads and whoever waits go by clocks of their own that nobody sets (see
 * `uptimeMs`), and a backend's wall clock may be set as one likes. A leader that can't renew its lease stops by itself,
 * whatever the reason. A process that was stopped, or whose machine was suspended, finds out at its first `assertHeld`,
 * before any timer has had a chance to fire.
 *
 * What is not promised, because no clock can: a virtual machine that is paused from outside, moved, or brought back from
 * a snapshot has clocks that stood still with it, and what was called right behind `assertHeld` may come to pass much
 * later, on any machine. Such a leader believes in its lease until the backend's next answer. What it writes until then
 * is refused by its token: by the checkpoint's store always, by a sink as far as that says of itself (see Sink).
 */
export type Leadership = {
  /**
   * The fencing token: larger than that of everybody who led this stream before, whatever happened in between.
   * It is part of each write; who is asked to take an older one than he knows must refuse.
   */
  readonly token: number;
  /** Fires once, when the leadership has ended for whatever reason; the reason is a WaymarkError `not-leader`. */
  readonly lost: AbortSignal;
  /**
   * To be called right before anything is delivered or written.
   * @throws WaymarkError `not-leader` when the leadership has ended; `lost` has fired then, too.
   */
  assertHeld(): void;
  /**
   * Says that we have stopped: `lost` fires, if it hasn't yet, and somebody else may lead from now on, so stop working
   * first. Also to be called after `lost`, when all is done: the next one then needn't wait for the margin. Never
   * rejects; where the backend can't be told, the lease runs out. To lead again, campaign again: those that wait are
   * first.
   */
  resign(): Promise<void>;
};

/** Who works on a stream, as the backend knows it now. */
export type LeaderView = {
  readonly stream: string;
  readonly backend: 'none' | 'zookeeper' | 'mysql';
  /** null: nobody. */
  readonly leader: AgentId | null;
  /** The leader's; without one the last leader's where the backend knows it, else 0. */
  readonly token: number;
  /** Whether the leader is this process. */
  readonly mine: boolean;
  /** Those that wait, first the next one. Null where the backend doesn't know them (mysql, none). */
  readonly waiting: readonly AgentId[] | null;
  /** When the leader was last seen, by the backend's clock; null where it isn't known (zookeeper, none). */
  readonly lastSeenMsAgo: number | null;
};

/**
 * The election of one stream. All of it rejects with `election-store` when the backend can't be reached or refuses
 * (naming it), but for `campaign`, which goes on trying.
 */
export interface Election {
  /**
   * Waits until we lead. While the backend is away, or refuses, it waits on and says so in the log
   * (`election.waiting`); rejects with the signal's reason. One campaign at a time; to lead again after `lost`, call it
   * again. The signal ends the campaign alone, not the leadership that came of it.
   */
  campaign(signal: AbortSignal): Promise<Leadership>;
  show(signal: AbortSignal): Promise<LeaderView>;
  /**
   * Makes an agent of this host the leader, by force: the present one is told to stop, or, if it doesn't answer, is
   * waited for until its lease has run out. Resolves when the other one leads.
   * @throws WaymarkError `not-leader` when no agent of that host took over.
   */
  take(host: string, signal: AbortSignal): Promise<LeaderView>;
  /**
   * Makes the leader give up, if it runs on `host` (null: wherever it runs), in favour of those that wait. Resolves
   * when somebody leads again, be it the same agent where it is the only one.
   * @throws WaymarkError `not-leader` when the leader runs elsewhere, or there is none.
   */
  stepDown(host: string | null, signal: AbortSignal): Promise<LeaderView>;
}

/** The elections of one process: the streams share a connection, and a session where there is one. */
export interface Elections {
  readonly self: AgentId;
  /** The same object for the same stream. */
  of(stream: string): Election;
  /**
   * All agents that live and have called `join` on the same backend, this one among them, in the order of their
   * names. For sharing streams out.
   */
  agents(signal: AbortSignal): Promise<readonly AgentId[]>;
  /** Shows this process in `agents` from now on, until `close` or its end. */
  join(signal: AbortSignal): Promise<void>;
  /** Ends all campaigns and leaderships, resigning from the latter, and the connection. */
  close(): Promise<void>;
}
