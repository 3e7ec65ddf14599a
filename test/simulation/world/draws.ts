import { createHash } from 'node:crypto';
import type { Random } from '../../../src/runtime/random.js';

/**
 * What a run draws at random, all of it from one seed. The numbers come from Chris Doty-Humphrey's generator sfc32.
 *
 * Each part of a world draws from a fork of its own, so that what one draws doesn't shift what another gets.
 */
export class Draws implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    this.#seed = seed;
    const hash = createHash('sha256').update(seed).digest();
    this.#a = hash.readInt32LE(0);
    this.#b = hash.readInt32LE(4);
    this.#c = hash.readInt32LE(8);
    this.#counter = hash.readInt32LE(12);
  }

  /** The draws of a part: those of one name are the same, whatever has been drawn here. */
  fork(name: string): Draws {
    return new Draws(`${this.#seed}/${name}`);
  }

  /** From 0 up to but not including 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number between two, both included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** Whether something comes about that does so with that probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of several. */
  choice<T>(several: readonly [T, ...T[]]): T {
    return several[this.integer(0, several.length - 1)] ?? several[0];
  }

  /** The same in another order. */
  shuffled<T>(several: readonly T[]): T[] {
    return several
      .map((one) => ({ one, place: this.fraction() }))
      .sort((a, b) => a.place - b.place)
      .map(({ one }) => one);
  }

  /** How long until something comes about that does so once in `mean` on average, whenever it was last. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** So many bytes. */
  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at += 1) bytes[at] = this.#next() >>> 24;
    return bytes;
  }

  /** A whole number of 32 bits. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}
