import { sleep } from '../util/async.js';
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
  #latest: Probe | null = null;
  #urgent: { readonly begunMs: number; readonly probe: Promise<Probe> } | null = null;

  constructor(member: Member, onProbe: (probe: Probe) => void) {
    this.member = member;
    this.#onProbe = onProbe;
  }

  /** Looks every few seconds until the signal fires. Rejects with its reason. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      this.#take(await probe(this.member.instance, signal, regularTimeoutMs));
      await sleep(intervalMs, signal);
    }
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

  /** Looks overlap: the one that began last is the newest. */
  #take(seen: Probe): void {
    if (this.#latest && this.#latest.begunMs > seen.begunMs) return;
    this.#latest = seen;
    this.#onProbe(seen);
  }
}
