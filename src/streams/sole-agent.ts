import type { Logger } from 'pino';
import type { FoundHolder, HolderNote } from '../checkpoint/holder-note.js';
import { passes } from '../check/start-verdict.js';
import { recordInUse } from '../check/holder.js';
import type { Election, Leadership } from '../election/election.js';
import { isAborted, sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import { describeMyself, type Holder, lifeHere, namedHere } from '../util/lock-holder.js';
import { formatDuration } from '../util/quantities.js';

/** The note that an agent holds, where the checkpoint is, and the log. */
export type SoleAgentOptions = {
  readonly note: HolderNote;
  readonly location: string;
  readonly logger: Logger;
};

/** How often to check that the note is still this agent's. */
const keepMs = 2_000;
/** How often to check whether another agent's note has gone. */
const lookMs = 500;
/** How long to wait for the note's removal. If that fails, the note expires by itself. */
const clearMs = 2_000;

/**
 * Replaces an election where there is none, but other machines reach the store, too. The first agent has the stream. A
 * second one that was started by mistake is refused, and doesn't disturb the first. While the store is away, the first
 * one goes on.
 */
export function soleAgent(election: Election, options: SoleAgentOptions): Election {
  return {
    campaign: (signal) => begin(options, signal),
    show: (signal) => election.show(signal),
    take: (host, signal) => election.take(host, signal),
    stepDown: (host, signal) => election.stepDown(host, signal),
  };
}

/**
 * Resolves when the note is this agent's. Waits while another agent has it and nobody can tell whether that agent
 * lives.
 * @throws WaymarkError `checkpoint-conflict` if that agent lives, `checkpoint-store` if the store refuses.
 */
async function begin(options: SoleAgentOptions, signal: AbortSignal): Promise<Leadership> {
  const me = await describeMyself(undefined);
  namedHere.add(me.nonce);
  try {
    await claim(options, me, signal);
    return new SoleLeadership(options, me);
  } catch (error) {
    namedHere.delete(me.nonce);
    throw error;
  }
}

async function claim(options: SoleAgentOptions, me: Holder, signal: AbortSignal): Promise<void> {
  const { note, location, logger } = options;
  let said = '';
  const say = (reason: string): void => {
    if (reason !== said) logger.warn({ event: 'waiting', reason }, reason);
    said = reason;
  };
  for (;;) {
    const found = await claimIfThere(note, me, signal, say);
    if (found === null) return;
    if (found !== 'away') {
      const { holder, waitMs } = found;
      const life = await lifeHere(holder);
      if (life === 'dead' && holder !== null) {
        await note.clear(holder, signal);
        continue;
      }
      const inUse = recordInUse(location, holder);
      if (life === 'alive' || waitMs === 0) throw inUse;
      if (said === '')
        say(
          `Waiting until it is clear whether that agent lives (${formatDuration(waitMs)} at most): ${inUse.message}`,
        );
    }
    await sleep(lookMs, signal);
  }
}

async function claimIfThere(
  note: HolderNote,
  me: Holder,
  signal: AbortSignal,
  say: (reason: string) => void,
): Promise<FoundHolder | 'away' | null> {
  try {
    return await note.claim(me, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!passes(error)) throw error;
    say(`Waiting for the checkpoint store: ${messageOf(error)}`);
    return 'away';
  }
}

/** Lasts until the agent gives it up, or the note names another agent. */
class SoleLeadership implements Leadership {
  readonly token = 0;
  readonly #options: SoleAgentOptions;
  readonly #me: Holder;
  readonly #lost = new AbortController();
  readonly #kept: Promise<void>;

  constructor(options: SoleAgentOptions, me: Holder) {
    this.#options = options;
    this.#me = me;
    this.#kept = this.#keep(this.#lost.signal);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  assertHeld(): void {
    this.#lost.signal.throwIfAborted();
  }

  async resign(): Promise<void> {
    const { note } = this.#options;
    this.#lost.abort(new WaymarkError('not-leader', 'This agent gave up the stream'));
    await this.#kept;
    namedHere.delete(this.#me.nonce);
    await within(clearMs, [], (limit) => note.clear(this.#me, limit)).catch(() => undefined);
  }

  #lose(cause: WaymarkError): void {
    const { logger } = this.#options;
    const reason = cause.message;
    logger.warn({ event: 'leader.lost', reason }, `This agent no longer has the stream: ${reason}`);
    this.#lost.abort(new WaymarkError('not-leader', reason, { cause, details: cause.details }));
  }

  /** Keeps the note. Never rejects. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { note, location } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(keepMs, signal);
        const found = await note.claim(this.#me, signal);
        if (found !== null) this.#lose(recordInUse(location, found.holder));
      } catch (error) {
        // If the store is away, the checkpointer says so.
        if (!isAborted(signal) && !hasCode(error, 'checkpoint-store')) this.#lost.abort(error);
      }
    }
  }
}
