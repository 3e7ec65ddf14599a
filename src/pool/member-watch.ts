import type { Logger } from 'pino';
import { isAborted, sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import type { Member } from './members.js';
import { type Probe, probe } from './probe.js';

/** From one regular look to the next. */
const intervalMs = 2000;

/** Time limit of a regular probe. Nothing waits for it. */
const regularTimeoutMs = 2000;

/** Probes one server again and again. A server that hangs delays only its own watch. */
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
   * Probes every few seconds. Resolves when the signal has fired. Failures of the server or the network are results
   * of a probe. Anything else is logged, and the watch goes on.
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

  /** Like `look`, for callers that don't need the result. Everybody is told what was seen. */
  begin(sinceMs: number, signal: AbortSignal): void {
    this.look(sinceMs, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#failed(error);
    });
  }

  /**
   * A look that began after `sinceMs` (monotonic clock). If need be it begins one at once, with the time limit of a
   * probe.
   */
  async look(sinceMs: number, signal: AbortSignal): Promise<Probe> {
    if (this.#latest && this.#latest.begunMs >= sinceMs) return this.#latest;
    if (this.#urgent && this.#urgent.begunMs >= sinceMs) return this.#urgent.probe;
    const begunMs = monotonicMs();
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
      `An unexpected error while looking at ${name}. The watch goes on; please report it: ${messageOf(error)}`,
    );
  }

  /** Looks may overlap. The one that began last is the newest. */
  #take(seen: Probe): void {
    if (this.#latest && this.#latest.begunMs > seen.begunMs) return;
    this.#latest = seen;
    this.#onProbe(seen);
  }
}
