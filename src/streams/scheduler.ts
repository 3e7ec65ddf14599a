import type { Logger } from 'pino';
import type { Elections } from '../election/election.js';
import { formatAgentId } from '../election/agent-id.js';
import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, messageOf } from '../util/errors.js';
import { type Share, shareOf } from './share.js';

/** A stream, as the scheduler sees it. */
export type ScheduledStream = {
  readonly name: string;
  /** Stands by and leads until the signal fires. Ends by rejecting, but only after everything is closed. */
  run(signal: AbortSignal): Promise<never>;
  /** Whether this agent leads it now. */
  leads(): boolean;
  /** Called when the stream has failed. It runs again after `retryMs`. */
  failed(error: unknown, retryMs: number): void;
};

/** What a scheduler needs. */
export type SchedulerOptions = {
  readonly streams: readonly ScheduledStream[];
  readonly elections: Elections;
  /** How many streams this agent leads at most. */
  readonly limit: number;
  readonly logger: Logger;
};

const lookMs = 500;
/** The agent that is to lead a stream comes first. Agents that are to stand by begin this much later. */
const giveWayMs = 5000;
/** How often this agent looks at a stream that belongs to others. */
const strayLookMs = 60_000;
/**
 * A stream that this agent leads in another one's place is offered back after this time, and once more after four times
 * as long.
 */
const firstOfferMs = 15_000;
const offers = 2;
const retryMs = { first: 1000, last: 60_000 } as const;
/** A stream that has run for this long hasn't failed at the start. */
const settledMs = 60_000;

type Task = { readonly stop: AbortController; readonly ended: Promise<void> };

/**
 * Runs this agent's share of the streams. All agents that know the same streams and agents compute the same shares (see
 * shareOf). The leases keep apart what two agents would run at the same time. If a stream fails, this agent gives it up
 * to the agent that stands by, and tries it again later. The other streams go on.
 *
 * An agent may have started with another list of streams, or be at its limit. So any agent with room takes a stream
 * that nobody has led for long, and keeps it until an agent comes or goes.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #tasks = new Map<string, Task>();
  /** The earliest time at which this agent may stand by for a stream. */
  readonly #notBefore = new Map<string, number>();
  /**
   * Streams that this agent leads in another one's place: how often they were offered back, and when they will be next.
   */
  readonly #lent = new Map<string, { readonly offered: number; readonly nextAt: number }>();
  /** Streams that nobody led at the last look, and since when. */
  readonly #strays = new Map<string, number>();
  #agents: readonly string[] = [];
  #share: Share = { lead: new Set(), standBy: new Set() };
  #looked = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Whether this agent leads the stream or stands by for it. */
  carries(stream: string): boolean {
    return this.#tasks.has(stream);
  }

  /** Runs the share until the signal fires. Resolves when everything is closed. Rejects if this agent can't go on. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#join(signal);
      let seen: readonly string[] = [];
      for (;;) {
        const agents = await this.#look(signal);
        // Wait until a change is seen twice. So agents that start together are one change.
        if (agents !== null && sameAgents(agents, seen)) this.#reckon(agents);
        seen = agents ?? seen;
        await this.#lookAtStrays(signal);
        this.#act();
        await sleep(lookMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const name of this.#tasks.keys()) this.#stop(name);
      await Promise.all([...this.#tasks.values()].map(({ ended }) => ended));
    }
  }

  async #join(signal: AbortSignal): Promise<void> {
    for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
      try {
        await this.#options.elections.join(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#options.logger.warn(
          { event: 'election.waiting', reason: messageOf(error) },
          `Waiting for the election: ${messageOf(error)}`,
        );
        await sleep(waitMs, signal);
      }
    }
  }

  /** Returns the living agents. Null if they can't be told. What this agent leads then depends on its leases alone. */
  async #look(signal: AbortSignal): Promise<readonly string[] | null> {
    try {
      const { elections } = this.#options;
      const agents = (await elections.agents(signal)).map(formatAgentId);
      if (agents.includes(formatAgentId(elections.self))) return agents;
      // This agent's entry was removed, or is too old. Without it, the others share out its streams.
      await elections.join(signal);
      return null;
    } catch (error) {
      this.#unseen(error, signal);
      return null;
    }
  }

  /**
   * Logs an unexpected error. If only the election is away, the campaigns say so.
   * @throws the signal's reason.
   */
  #unseen(error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    if (hasCode(error, 'election-store')) return;
    this.#options.logger.error(
      { event: 'watch.failed', err: error },
      `Unexpected error while looking at the other agents. This agent goes on. Please report it: ${messageOf(error)}`,
    );
  }

  #reckon(agents: readonly string[]): void {
    if (sameAgents(agents, this.#agents)) return;
    const { streams, elections, limit, logger } = this.#options;
    this.#agents = agents;
    this.#strays.clear();
    const names = streams.map(({ name }) => name);
    this.#share = shareOf(formatAgentId(elections.self), names, agents, limit);
    const { lead, standBy } = this.#share;
    const fields = { agents: agents.length, lead: lead.size, standBy: standBy.size };
    logger.info(
      { event: 'streams.shared', ...fields, streams: names.length },
      `${names.length} streams among ${agents.length} agents: this one leads ${lead.size} and stands by for ${standBy.size}`,
    );
    this.#lent.clear();
    // Let the new owners begin first, even where this agent leads now.
    for (const { name } of streams) if (!lead.has(name)) this.#giveWay(name);
  }

  /** Starts the streams of this agent's share, and stops the others. */
  #act(): void {
    const leading = this.#options.streams.filter((stream) => stream.leads());
    for (const { name } of leading) if (!this.#share.lead.has(name)) this.#offer(name);
    const room = this.#options.limit - leading.length;
    for (const stream of this.#options.streams) {
      if (!this.#wanted(stream, room)) this.#stop(stream.name);
      else if (!this.#tasks.has(stream.name)) this.#start(stream);
    }
  }

  #wanted(stream: ScheduledStream, room: number): boolean {
    const { name } = stream;
    if (this.#share.lead.has(name)) return true;
    const now = monotonicMs();
    const isStray = now - (this.#strays.get(name) ?? now) > strayLookMs;
    if (!isStray && !this.#share.standBy.has(name)) return false;
    if (now < (this.#notBefore.get(name) ?? 0)) return false;
    return stream.leads() ? room >= 0 : room > 0;
  }

  /**
   * Offers a stream back to the agent whose share it is in. That agent may have come too late, or failed for a while.
   */
  #offer(name: string): void {
    const now = monotonicMs();
    const lent = this.#lent.get(name) ?? { offered: 0, nextAt: now + firstOfferMs };
    const due = lent.offered < offers && now >= lent.nextAt;
    this.#lent.set(
      name,
      due ? { offered: lent.offered + 1, nextAt: now + firstOfferMs * 4 ** (lent.offered + 1) } : lent,
    );
    if (due) this.#giveWay(name);
  }

  #giveWay(name: string): void {
    this.#notBefore.set(name, monotonicMs() + giveWayMs);
    this.#stop(name);
  }

  #start(stream: ScheduledStream): void {
    const stop = new AbortController();
    const ended = this.#carry(stream, stop.signal).then(() => {
      this.#tasks.delete(stream.name);
    });
    this.#tasks.set(stream.name, { stop, ended });
  }

  #stop(name: string): void {
    this.#tasks.get(name)?.stop.abort(new Error(`the stream ${name} is for another agent`));
  }

  /** Runs a stream, and again after it has failed. Never rejects. */
  async #carry(stream: ScheduledStream, signal: AbortSignal): Promise<void> {
    for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
      const startedAt = monotonicMs();
      try {
        await stream.run(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (monotonicMs() - startedAt > settledMs) waitMs = retryMs.first;
        stream.failed(error, waitMs);
      }
      try {
        await sleep(waitMs, signal);
      } catch {
        return;
      }
    }
  }

  /** Looks at a few streams of others, so that all of them are seen within {@link strayLookMs}. */
  async #lookAtStrays(signal: AbortSignal): Promise<void> {
    const others = this.#options.streams.filter(
      ({ name }) => !this.#share.lead.has(name) && !this.#tasks.has(name),
    );
    if (this.#agents.length === 0 || others.length === 0) return;
    const count = Math.ceil((others.length * lookMs) / strayLookMs);
    for (let index = 0; index < count; index += 1) {
      const { name } = others[this.#looked++ % others.length] ?? {};
      if (name === undefined) return;
      try {
        const { leader } = await this.#options.elections.of(name).show(signal);
        if (leader !== null) this.#strays.delete(name);
        else if (!this.#strays.has(name)) this.#strays.set(name, monotonicMs());
      } catch (error) {
        this.#unseen(error, signal);
        return;
      }
    }
  }
}

function sameAgents(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((agent) => other.includes(agent));
}
