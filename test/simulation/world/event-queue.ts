/** Something that is to happen in a world. */
export type WorldEvent = {
  readonly atMs: number;
  /** Which of those of the same moment comes first. */
  readonly tie: number;
  /** In the trace. */
  readonly what: string;
  readonly action: () => void;
  cancelled: boolean;
};

/** What is to happen, the earliest first: a binary heap. */
export class EventQueue {
  readonly #heap: WorldEvent[] = [];

  push(event: WorldEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(event, above)) break;
      this.#move(above, at);
      at = above;
    }
    heap[at] = event;
  }

  /** The earliest that wasn't cancelled; it stays. */
  first(): WorldEvent | null {
    while (this.#heap[0]?.cancelled === true) this.shift();
    return this.#heap[0] ?? null;
  }

  /** Takes the earliest away. */
  shift(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && this.#isBefore(right, below)) below += 1;
      if (this.#isBefore(last, below)) break;
      this.#move(below, at);
      at = below;
    }
    heap[at] = last;
  }

  #isBefore(event: WorldEvent, place: number): boolean {
    const other = this.#heap[place];
    if (other === undefined) return true;
    return event.atMs === other.atMs ? event.tie < other.tie : event.atMs < other.atMs;
  }

  #move(from: number, to: number): void {
    const event = this.#heap[from];
    if (event !== undefined) this.#heap[to] = event;
  }
}
