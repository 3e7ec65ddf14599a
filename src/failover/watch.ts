import type { Logger } from 'pino';
import { isAborted, sleep } from '../util/async.js';
import { messageOf } from '../util/errors.js';
import type { Member } from './pool.js';
import { type Probe, probe } from './probe.js';

/** From one regular look to the next. */
const intervalMs = 2000;

/** How long a server may take to answer a regular look: nobody waits for it. */
const regularTimeoutMs = 2000;

/** Looks at one server again and again. One that hangs holds up nobody but its own watch. */
export class Watch {
  readonly member: Member;
  readonly #onProbe: (probe: Probe) => void;
  readonly #logger: Logger;
  #latest: Probe | null = null;
  #urgent: { readonly begunMs: number; readonly probe: Promise<Probe> } | null = null;

  constructor(member: Member, onProbe: (probe: Probe) => void, logger: Logger) {
    this.member = member;
    this.#onProbe = onProbe;
    this.#logger = logger;
  }

  /**
   * Looks every few seconds; resolves when the signal has fired. What a server or the network causes is what a look
   * shows; anything else is told in the log, and the watch goes on.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#take(await probe(this.member.instance, signal, regularTimeoutMs));
        await sleep(intervalMs, signal);
      } catch (error) {
        if (isAborted(signal)) return;
        this.#failed(error);
        await sleep(intervalMs, signal).catch(() => undefined);
      }
    }
  }

  /** As `look`, for whoever only wants it to be looked: what is seen is told to all. */
  begin(sinceMs: number, signal: AbortSignal): void {
    this.look(sinceMs, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#failed(error);
    });
  }

  /** A look that has begun after `sinceMs` (of the monotonic clock): at once, within the time limit of a probe. */
  async look(sinceMs: number, signal: AbortSignal): Promise<Probe> {
    if (this.#latest && this.#latest.begunMs >= sinceMs) return this.#latest;
    if (this.#urgent && this.#urgent.begunMs >= sinceMs) return this.#urgent.probe;
    const begunMs = performance.now();
    const looking = probe(this.member.instance, signal).then((seen) => {
      this.#take(seen);
      return seen;
    });
    this.#urgent = { begunMs, probe: looking };
    return looking;
  }

  #failed(error: unknown): void {
    const { name } = this.member;
    this.#logger.error(
      { event: 'watch.failed', server: name, err: error },
      `Looking at ${name} has failed, and goes on; please report it: ${messageOf(error)}`,
    );
  }

  /** Looks overlap: the one that began last is the newest. */
  #take(seen: Probe): void {
    if (this.#latest && this.#latest.begunMs > seen.begunMs) return;
    this.#latest = seen;
    this.#onProbe(seen);
  }
}
