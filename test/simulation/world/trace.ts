import { createHash } from 'node:crypto';

/** What has happened in a world: the last lines of it, and a digest of all. Two runs with one digest are the same. */
export class Trace {
  readonly #longest: number;
  readonly #hash = createHash('sha256');
  #lines: string[] = [];
  /** How many of the lines are in the hash. */
  #hashed = 0;

  /** @param longest how many lines are kept. */
  constructor(longest = 10_000) {
    this.#longest = longest;
  }

  /** The last lines. */
  get lines(): readonly string[] {
    return this.#lines.slice(-this.#longest);
  }

  /** The digest of all lines so far, in hex. */
  get digest(): string {
    this.#hashLines();
    return this.#hash.copy().digest('hex');
  }

  note(atMs: number, what: string): void {
    this.#lines.push(`${atMs.toFixed(3)} ${what}`);
    if (this.#lines.length < 2 * this.#longest) return;
    this.#hashLines();
    this.#lines = this.#lines.slice(-this.#longest);
    this.#hashed = this.#lines.length;
  }

  /** Many at once: one at a time would take longer than what they tell of. */
  #hashLines(): void {
    if (this.#hashed < this.#lines.length)
      this.#hash.update(`${this.#lines.slice(this.#hashed).join('\n')}\n`);
    this.#hashed = this.#lines.length;
  }
}
