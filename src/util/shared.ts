import { type Runtime, runtime } from '../runtime/runtime.js';

/** A share in something that several use. */
export type SharedHandle<T> = {
  readonly value: T;
  /** Gives the share up; with the last one, the thing is closed. */
  release(): Promise<void>;
};

type Entry<T> = { readonly value: T; shares: number };

/** Things that a process makes once for each key, and closes when nobody uses them any more. */
export class SharedPool<T extends { close(): Promise<void> }> {
  /** By runtime: where there are several, each stands for a process. */
  readonly #pools = new WeakMap<Runtime, Map<string, Entry<T>>>();

  /** A share in the thing with that key, which `make` makes if there is none. */
  share(key: string, make: () => T): SharedHandle<T> {
    const entries = this.#pools.get(runtime()) ?? new Map<string, Entry<T>>();
    this.#pools.set(runtime(), entries);
    const entry = entries.get(key) ?? { value: make(), shares: 0 };
    entries.set(key, entry);
    entry.shares += 1;
    let released = false;
    return {
      value: entry.value,
      release: async () => {
        if (released) return;
        released = true;
        entry.shares -= 1;
        if (entry.shares > 0) return;
        entries.delete(key);
        await entry.value.close();
      },
    };
  }
}
