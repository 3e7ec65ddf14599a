import { type Runtime, runtime } from '../runtime/runtime.js';

/** The right to use a thing that others use, too. */
export type SharedHandle<T> = {
  readonly value: T;
  /** Gives up the right. When its last user has given it up, the thing is closed. */
  release(): Promise<void>;
};

type Entry<T> = { readonly value: T; users: number };

/** Things that a process makes once for each key, and closes when nobody uses them any more. */
export class SharedPool<T extends { close(): Promise<void> }> {
  /** By runtime. Where there are several runtimes, each stands for a process. */
  readonly #pools = new WeakMap<Runtime, Map<string, Entry<T>>>();

  /** Returns a handle for the thing with that key. Calls `make` if there is none yet. */
  share(key: string, make: () => T): SharedHandle<T> {
    const entries = this.#pools.get(runtime()) ?? new Map<string, Entry<T>>();
    this.#pools.set(runtime(), entries);
    const entry = entries.get(key) ?? { value: make(), users: 0 };
    entries.set(key, entry);
    entry.users += 1;
    let released = false;
    return {
      value: entry.value,
      release: async () => {
        if (released) return;
        released = true;
        entry.users -= 1;
        if (entry.users > 0) return;
        entries.delete(key);
        await entry.value.close();
      },
    };
  }
}
