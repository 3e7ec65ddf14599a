import type { Timer } from '../runtime/clock.js';
import { sleep } from '../util/async.js';
import { after, monotonicMs, uptimeMs } from '../util/clock.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import {
  type LeaseAnswer,
  type Ending,
  type LeaseState,
  type LeaseEvent,
  nextLeaseState,
} from './lease-state.js';
import type { Leadership } from './election.js';

/** The log of an election. A pino logger fits. */
export type ElectionLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** One participant in a backend, from the beginning of a campaign to the end of the leadership that it won. */
export interface Ballot {
  /**
   * Tries to lead, or to go on leading with the token `held` (0: doesn't lead yet). Rejects if the backend is away or
   * refuses.
   */
  attempt(held: number, signal: AbortSignal): Promise<LeaseAnswer>;
  /** Resolves when the next attempt is due. Rejects with the signal's reason. */
  due(held: number, signal: AbortSignal): Promise<void>;
  /**
   * Stops participating. Never rejects. If the backend can't be told now, the lease expires, or the backend is told
   * later.
   */
  withdraw(): Promise<void>;
}

/** The election of one stream, for its campaigns. */
export type CampaignOptions = {
  readonly stream: string;
  readonly backend: 'zookeeper' | 'mysql';
  readonly marginMs: number;
  /** How long an attempt may take. */
  readonly attemptMs: number;
  readonly logger: ElectionLogger;
  /** Returns a new participant. */
  readonly stand: () => Ballot;
};

/** How long a backend may be away before the log says so again. */
const complainEveryMs = 30_000;
/** The pause between a failed attempt and the next one. */
const retryMs = 500;

/** Waits until this agent leads: see Election.campaign. */
export async function campaign(options: CampaignOptions, signal: AbortSignal): Promise<HeldLeadership> {
  const complaints = new Complaints(options);
  let ballot = options.stand();
  try {
    for (;;) {
      const state = await firstState(ballot, options, complaints, signal);
      if (state?.phase === 'leading') return new HeldLeadership(options, ballot, state, complaints);
      if (state?.phase === 'over') {
        // It was this agent's turn, but an operator asked for another one. Let that one go first.
        await ballot.withdraw();
        ballot = options.stand();
      } else if (state !== null) {
        await ballot.due(0, signal);
      }
    }
  } catch (error) {
    await ballot.withdraw();
    throw error;
  }
}

/** Makes one attempt and returns its result. Null, after a pause, if it failed. */
async function firstState(
  ballot: Ballot,
  { attemptMs, marginMs }: CampaignOptions,
  complaints: Complaints,
  signal: AbortSignal,
): Promise<LeaseState | null> {
  const waiting: LeaseState = { phase: 'waiting' };
  try {
    const answer = await within(attemptMs, [signal], (limit) => ballot.attempt(0, limit));
    complaints.silence();
    return nextLeaseState(waiting, { type: 'answer', answer }, uptimeMs(), marginMs);
  } catch (error) {
    signal.throwIfAborted();
    complaints.note(error);
    await sleep(retryMs, signal);
    return null;
  }
}

/** A leadership that renews its lease until it ends. */
export class HeldLeadership implements Leadership {
  readonly token: number;
  readonly #options: CampaignOptions;
  readonly #ballot: Ballot;
  readonly #complaints: Complaints;
  readonly #lost = new AbortController();
  /** Fires when this agent has said that it has stopped working. */
  readonly #stopped = new AbortController();
  /** Resolves when the backend knows that the leadership has ended, or can't be told. */
  readonly ended: Promise<void>;
  #state: LeaseState;
  #timer: Timer | undefined;

  constructor(
    options: CampaignOptions,
    ballot: Ballot,
    state: Extract<LeaseState, { phase: 'leading' }>,
    complaints: Complaints,
  ) {
    this.token = state.token;
    this.#options = options;
    this.#ballot = ballot;
    this.#complaints = complaints;
    this.#state = state;
    options.logger.info(
      { event: 'leader.acquired', stream: options.stream, backend: options.backend, token: state.token },
      `This agent leads the stream "${options.stream}"`,
    );
    this.#watchClock();
    this.ended = this.#keep();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  assertHeld(): void {
    this.#apply({ type: 'clock' });
    this.#lost.signal.throwIfAborted();
  }

  async resign(): Promise<void> {
    this.#apply({ type: 'resign' });
    this.#stopped.abort(new Error('we have stopped'));
    await this.ended;
  }

  /**
   * Renews the lease until the leadership ends. Then lets others lead: when this agent has stopped working, or after
   * the margin at the latest.
   */
  async #keep(): Promise<void> {
    const { attemptMs, marginMs } = this.#options;
    const signal = this.#lost.signal;
    while (!signal.aborted) {
      try {
        await this.#ballot.due(this.token, signal);
        const answer = await within(attemptMs, [signal], (limit) => this.#ballot.attempt(this.token, limit));
        this.#complaints.silence();
        this.#apply({ type: 'answer', answer });
      } catch (error) {
        if (this.#lost.signal.aborted) break;
        this.#complaints.note(error);
        await sleep(retryMs, signal).catch(() => undefined);
      }
    }
    await sleep(marginMs, this.#stopped.signal).catch(() => undefined);
    await this.#ballot.withdraw();
  }

  #apply(event: LeaseEvent): void {
    if (this.#state.phase === 'over') return;
    this.#state = nextLeaseState(this.#state, event, uptimeMs(), this.#options.marginMs);
    if (this.#state.phase === 'over') this.#end(this.#state.why);
    else this.#watchClock();
  }

  #watchClock(): void {
    this.#timer?.cancel();
    if (this.#state.phase !== 'leading') return;
    const ms = Math.max(0, this.#state.until - uptimeMs());
    this.#timer = after(ms, () => {
      this.#apply({ type: 'clock' });
    });
  }

  #end(why: Ending): void {
    this.#timer?.cancel();
    const { stream, backend, logger } = this.#options;
    const message = `This agent no longer leads the stream "${stream}": ${explain(why, this.#complaints.last)}`;
    const fields = { event: 'leader.lost', stream, backend, token: this.token, why };
    if (why === 'resigned' || why === 'asked') logger.info(fields, message);
    else logger.warn(fields, message);
    this.#lost.abort(
      new WaymarkError('not-leader', message, { details: { stream, token: this.token, why } }),
    );
  }
}

function explain(why: Ending, problem: string | null): string {
  switch (why) {
    case 'expired':
      return `its lease could not be renewed in time (${problem ?? 'this process, or its machine, stood still'})`;
    case 'taken':
      return 'its lease is gone, or another agent has it';
    case 'asked':
      return 'somebody asked for another leader';
    case 'resigned':
      return 'it gave up';
  }
}

/** Logs from time to time that the backend is away or refuses. */
class Complaints {
  /** The backend's last failure. Null if it has answered since. */
  last: string | null = null;
  readonly #options: CampaignOptions;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  silence(): void {
    this.last = null;
    this.#saidAtMs = Number.NEGATIVE_INFINITY;
  }

  note(error: unknown): void {
    const { stream, backend, logger } = this.#options;
    this.last = messageOf(error);
    if (monotonicMs() - this.#saidAtMs < complainEveryMs) return;
    this.#saidAtMs = monotonicMs();
    logger.warn(
      { event: 'election.waiting', stream, backend, reason: this.last },
      `The election of the stream "${stream}" can't be held: ${this.last}`,
    );
  }
}
