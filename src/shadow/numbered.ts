/**
 * What waits, by ascending numbers: a map whose beginning is found at once. (A `Map` that is emptied from its beginning
 * goes through what was deleted there each time.)
 */
export class Numbered<Value> {
  readonly #values = new Map<number, Value>();
  /** No lower number is there. */
  #first = 0;
  #end = 0;

  get size(): number {
    return this.#values.size;
  }

  /** The lowest number. Null if there is none. */
  get first(): number | null {
    return this.#values.size === 0 ? null : this.#first;
  }

  get(number: number): Value | undefined {
    return this.#values.get(number);
  }

  /** @param number higher than all before it. */
  set(number: number, value: Value): void {
    if (this.#values.size === 0) this.#first = number;
    this.#values.set(number, value);
    this.#end = number + 1;
  }

  delete(number: number): void {
    this.#values.delete(number);
    if (this.#values.size === 0) this.#first = this.#end;
    while (this.#first < this.#end && !this.#values.has(this.#first)) this.#first += 1;
  }

  /** In order. What has been passed may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<[number, Value], void, undefined> {
    for (let number = this.#first; number < this.#end; number += 1) {
      const value = this.#values.get(number);
      if (value !== undefined) yield [number, value];
    }
  }
}
