/** A share in something that several use. */
export type Share<T> = {
  readonly value: T;
  /** Gives the share up; with the last one, the thing is closed. */
  release(): Promise<void>;
};

type Entry<T> = { readonly value: T; shares: number };

/** Things that are made once for each key, and closed when nobody uses them any more. */
export class SharedPool<T extends { close(): Promise<void> }> {
  readonly #entries = new Map<string, Entry<T>>();

  /** A share in the thing with that key, which `make` makes if there is none. */
  share(key: string, make: () => T): Share<T> {
    const entry = this.#entries.get(key) ?? { value: make(), shares: 0 };
    this.#entries.set(key, entry);
    entry.shares += 1;
    let released = false;
    return {
      value: entry.value,
      release: async () => {
        if (released) return;
        released = true;
        entry.shares -= 1;
        if (entry.shares > 0) return;
        this.#entries.delete(key);
        await entry.value.close();
      },
    };
  }
}
