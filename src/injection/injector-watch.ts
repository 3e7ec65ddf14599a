import type { Logger } from 'pino';
import { formatAgentId } from '../election/agent-id.js';
import type { Election, LeaderView } from '../election/election.js';
import { isAborted, sleep } from '../util/async.js';
import { epochMs } from '../util/clock.js';
import { messageOf, WaymarkError } from '../util/errors.js';

/** The lease of a stream's injectors (`waymark inject --pool`), as the election shows it. Plain JSON. */
export type LeaseView = {
  /** The injector that holds it, as `host/pid/run`. Null: none does. */
  readonly holder: string | null;
  /**
   * Since when it has held the lease, in milliseconds since 1970, as far as this agent has seen: it may have held it
   * before the agent first looked. Null without a holder.
   */
  readonly since: number | null;
  /** The injectors that wait, the next one first. Null if the election doesn't know them. */
  readonly waiting: readonly string[] | null;
};

/** From one look to the next. */
const lookMs = 5000;

/** Looks again and again at who holds the lease of a stream's injectors. It never takes part in their election. */
export class InjectorWatch {
  readonly #election: Election;
  readonly #logger: Logger;
  #seen: { readonly token: number; readonly lease: LeaseView } | null = null;

  constructor(election: Election, logger: Logger) {
    this.#election = election;
    this.#logger = logger;
  }

  /** What the last look has shown. Null if there is no election, or if it can't be asked now. */
  get lease(): LeaseView | null {
    return this.#seen?.lease ?? null;
  }

  /** Looks every few seconds until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!isAborted(signal)) {
      try {
        const view = await this.#election.show(signal);
        if (view.backend === 'none') return;
        this.#seen = { token: view.token, lease: leaseOf(view, this.#seen, epochMs()) };
      } catch (error) {
        if (isAborted(signal)) return;
        this.#seen = null;
        // If the election is away, the stream's own campaign says so.
        if (!(error instanceof WaymarkError)) this.#failed(error);
      }
      await sleep(lookMs, signal).catch(() => undefined);
    }
  }

  #failed(error: unknown): void {
    this.#logger.error(
      { event: 'watch.failed', err: error },
      `An unexpected error while looking at the injectors' lease. The watch goes on; please report it: ${messageOf(error)}`,
    );
  }
}

/** What a look shows, after an earlier one. Each new holder has a token of its own. Pure. */
export function leaseOf(
  { leader, token, waiting }: LeaderView,
  before: { readonly token: number; readonly lease: LeaseView } | null,
  nowMs: number,
): LeaseView {
  const goesOn = before?.token === token ? before.lease.since : null;
  return {
    holder: leader && formatAgentId(leader),
    since: leader && (goesOn ?? nowMs),
    waiting: waiting?.map(formatAgentId) ?? null,
  };
}
