import { defaultHintFormat } from '../../src/index.js';
import { runInjector } from '../../src/hints/injector.js';
import { lastHint } from '../../src/matching/locate.js';
import { Secret } from '../../src/config/secret.js';
import type { TestServer } from '../servers/index.js';

/** Hints that are being injected. */
export type Hints = {
  /** How many so far. */
  count(): number;
  /** Resolves right behind the next injection. */
  next(): Promise<void>;
  /** Ends the injector; rejects with what went wrong, if anything did. */
  stop(): Promise<void>;
};

/** Injects hints into a source with the product's own injector, often enough for a short test. */
export function startHints(source: TestServer, everyMs = 400): Hints {
  const ending = new AbortController();
  const { signal } = ending;
  const instance = {
    address: { host: source.host, port: source.port },
    account: { user: source.user, password: new Secret(source.password), getServerPublicKey: true },
  };
  const waiting = new Set<() => void>();
  let count = 0;
  const running = runInjector({
    instance,
    format: defaultHintFormat,
    everyMs,
    signal,
    newest: async () => (await lastHint({ instance, format: defaultHintFormat, signal }))?.hint ?? null,
    onInjected: () => {
      count += 1;
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
  });
  // Whoever waits or stops is told; an end without anybody there must not end the process.
  running.catch(() => undefined);
  return {
    count: () => count,
    next: () =>
      Promise.race([
        new Promise<void>((resolve) => waiting.add(resolve)),
        running.then(() => {
          throw new Error('the injector has ended');
        }),
      ]),
    async stop() {
      ending.abort();
      await running;
    },
  };
}
