import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './simulation.js';

/** What became of a seed: its outcome; or the process that ran it ended, with what it wrote at last. */
export type SeedResult =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'crash'; readonly seed: string; readonly output: string };

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
/** A seed takes about a second. One that takes this long goes round for ever without passing virtual time. */
const limitMs = 5 * 60_000;
/** Most of what a seed allocates is young: a larger nursery saves an eighth of the time. */
const execArgv = ['--import', 'tsx', '--max-semi-space-size=64'];

/**
 * Runs seeds on all processors, and yields each result when it is there.
 * @param seeds is asked for the next one when a processor is free; what it yields last ends the run.
 */
export async function* runSeeds(seeds: Iterator<string, void>): AsyncGenerator<SeedResult, void, void> {
  const running = new Map<number, Promise<{ readonly slot: number; readonly result: SeedResult }>>();
  const workers: Worker[] = [];
  const begin = (slot: number): void => {
    const next = seeds.next();
    if (next.done === true) return;
    if (workers[slot]?.alive !== true) workers[slot] = new Worker();
    running.set(
      slot,
      workers[slot].run(next.value).then((result) => ({ slot, result })),
    );
  };
  try {
    for (let slot = 0; slot < availableParallelism(); slot += 1) begin(slot);
    while (running.size > 0) {
      const { slot, result } = await Promise.race(running.values());
      running.delete(slot);
      begin(slot);
      yield result;
    }
  } finally {
    for (const one of workers) one.end();
  }
}

class Worker {
  readonly #child: ChildProcess;
  #output = '';

  constructor() {
    this.#child = fork(worker, [], { execArgv, silent: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.#output = `${this.#output}${text.toString()}`.slice(-4000)));
    }
  }

  get alive(): boolean {
    return this.#child.connected;
  }

  async run(seed: string): Promise<SeedResult> {
    const over = new AbortController();
    const timer = setTimeout(() => {
      this.#output += `\nit took longer than ${String(limitMs / 1000)} s`;
      this.end();
    }, limitMs);
    try {
      this.#child.send(seed);
      const { signal } = over;
      const answered = once(this.#child, 'message', { signal }).then(
        ([outcome]: readonly Outcome[]): SeedResult =>
          outcome === undefined ? this.#crash(seed) : { kind: 'outcome', outcome },
      );
      const ended = once(this.#child, 'close', { signal }).then(() => this.#crash(seed));
      // The one that is not waited for any more is rejected by the signal.
      for (const promise of [answered, ended]) promise.catch(() => undefined);
      return await Promise.race([answered, ended]);
    } finally {
      clearTimeout(timer);
      over.abort();
    }
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #crash(seed: string): SeedResult {
    return { kind: 'crash', seed, output: this.#output };
  }
}
