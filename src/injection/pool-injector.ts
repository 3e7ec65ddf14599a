import { type Address, formatAddress } from '../config/address.js';
import type { Election, Leadership } from '../election/election.js';
import type { Hint } from '../hints/hint.js';
import { injectionRefusal, statementRefusal } from '../hints/injection-site.js';
import { type InjectionOptions, injectionRetryMs, Injector, type InjectorNotice } from '../hints/injector.js';
import { type Account, instanceOf, type Instance, type ServerKind } from '../mysql/instance.js';
import { isOfServer } from '../mysql/server-error.js';
import { survey } from '../topology/survey.js';
import { buildTopology } from '../topology/tree.js';
import { isAborted, sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, messageOf, type WaymarkError } from '../util/errors.js';
import { chooseSource, type SourceChoice } from './source-choice.js';

/** What the operator of an injector for a pool may want to know. None of it ends the injector. */
export type PoolInjectorNotice =
  | InjectorNotice
  /** Hints go to this server from now on. `from`: where they went before. Null if nowhere yet. */
  | { readonly kind: 'source'; readonly server: string; readonly from: string | null }
  /** Hints go nowhere. */
  | { readonly kind: 'waiting'; readonly choice: Exclude<SourceChoice, { kind: 'source' }> };

export type PoolInjectorOptions = Omit<InjectionOptions, 'once' | 'onInjected' | 'onNotice'> & {
  /** Where to begin to look for the source: the pool's servers. */
  readonly servers: readonly Address[];
  readonly account: Account;
  /** What is declared of servers, by name. */
  readonly kinds: ReadonlyMap<string, ServerKind>;
  /** Keeps several injectors of a pool from working at the same time. */
  readonly election: Election;
  readonly signal: AbortSignal;
  /** Finds the newest hint in a server's log: see InjectionTarget. */
  readonly newest: (instance: Instance, signal: AbortSignal) => Promise<Hint | null>;
  readonly onInjected: (hint: Hint) => void;
  readonly onNotice: (notice: PoolInjectorNotice) => void;
};

/** From one look at the servers to the next. */
const lookMs = 1000;
/** How often an injector that waits says so again. */
const waitingNoticeMs = 60_000;

/**
 * Injects hints on the source of a pool until the signal fires, and then resolves. After a promotion it goes on on the
 * new source. It works on one server at a time, and only while it leads the election.
 *
 * - It looks for the source again and again: see {@link chooseSource}. If it finds none, or several, it injects nowhere.
 * - Before each hint it makes sure that the server is still writable and no replica.
 * - Hints ascend across servers: on each it looks for the newest hint before it injects.
 *
 * @throws WaymarkError `missing-grant` or `config` before the first hint. Later they are reported and tried again.
 */
export async function runPoolInjector(options: PoolInjectorOptions): Promise<void> {
  const { election, signal } = options;
  const injector = new PoolInjector(options);
  while (!isAborted(signal)) {
    let leadership: Leadership | null = null;
    try {
      leadership = await election.campaign(signal);
      await injector.work(leadership, AbortSignal.any([signal, leadership.lost]));
    } catch (error) {
      if (!isAborted(signal) && leadership?.lost.aborted !== true) throw error;
    } finally {
      await leadership?.resign();
    }
  }
}

/** Ends a session on a server that is no longer the one to inject on. */
class Elsewhere extends Error {
  override readonly name = 'Elsewhere';
}

/** The state that outlives a leadership. */
class PoolInjector {
  readonly #options: PoolInjectorOptions;
  readonly #injector: Injector;
  /** The last server that was injected on, by name. */
  #server: string | null = null;
  /** What was last said about waiting, and when on the monotonic clock. */
  #said: { readonly text: string; readonly atMs: number } | null = null;

  constructor(options: PoolInjectorOptions) {
    this.#options = options;
    this.#injector = new Injector(options);
  }

  /** Injects until the signal fires. Ends by rejecting. */
  async work(leadership: Leadership, signal: AbortSignal): Promise<never> {
    const { first, last } = injectionRetryMs;
    for (let retryMs: number = first; ;) {
      const choice = await this.#look(signal);
      if (choice.kind === 'source') {
        const failure = await this.#injectOn(choice, leadership, () => (retryMs = first), signal);
        if (failure === null) continue;
        this.#options.onNotice({ kind: 'failed', message: messageOf(failure), retryInMs: retryMs });
        await sleep(retryMs, signal);
        retryMs = Math.min(retryMs * 2, last);
      } else {
        this.#wait(choice);
        await sleep(lookMs, signal);
      }
    }
  }

  async #look(signal: AbortSignal): Promise<SourceChoice> {
    const { servers, account, kinds } = this.#options;
    // Below them is no source of theirs, but perhaps a replica of several sources.
    const looks = await survey(servers, { account, kinds, signal, upwards: true });
    return chooseSource(buildTopology(looks, servers), this.#server);
  }

  /**
   * Injects on a server over one connection, until that fails or hints don't belong there any more. Returns what failed.
   * Null if nothing did.
   */
  async #injectOn(
    { server, address }: Extract<SourceChoice, { kind: 'source' }>,
    leadership: Leadership,
    onWorking: () => void,
    signal: AbortSignal,
  ): Promise<WaymarkError | null> {
    const { newest, onNotice } = this.#options;
    this.#said = null;
    if (this.#server !== server) onNotice({ kind: 'source', server, from: this.#server });
    this.#server = server;
    const instance = this.#instanceAt(address);
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const assertHeld = (): void => {
      leadership.assertHeld();
    };
    const target = {
      instance,
      signal: either,
      newest: () => newest(instance, either),
      chosen: { assertHeld },
    };
    const watching = this.#watch(server, ending, signal);
    try {
      await this.#injector.session(target, onWorking);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      return ending.signal.aborted ? null : this.#failureOf(error, instance);
    } finally {
      ending.abort(new Elsewhere());
      await watching;
    }
  }

  /** Looks at the servers, and ends the session on `server` when hints don't belong there any more. Never rejects. */
  async #watch(server: string, ending: AbortController, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, ending.signal]);
    try {
      do await sleep(lookMs, either);
      while (!isOver(await this.#look(either), server));
      ending.abort(new Elsewhere());
    } catch (error) {
      ending.abort(error);
    }
  }

  /**
   * What a session failed with, for the operator.
   * @throws what no other attempt would change: a bug, and before the first hint a missing privilege or a wrong format.
   */
  #failureOf(error: unknown, instance: Instance): WaymarkError {
    const { format } = this.#options;
    const reason = injectionRefusal(error, instance, format) ?? statementRefusal(error, instance, 'hint');
    const isFinal = hasCode(reason, 'missing-grant') || hasCode(reason, 'config');
    if (!isOfServer(reason) || (isFinal && !this.#injector.hasWorked)) throw reason;
    return reason;
  }

  #instanceAt(address: Address): Instance {
    const { account, kinds } = this.#options;
    return instanceOf({ address, kind: kinds.get(formatAddress(address)) }, account);
  }

  #wait(choice: Exclude<SourceChoice, { kind: 'source' }>): void {
    const text = JSON.stringify(choice);
    const now = monotonicMs();
    if (this.#said?.text === text && now - this.#said.atMs < waitingNoticeMs) return;
    this.#said = { text, atMs: now };
    this.#options.onNotice({ kind: 'waiting', choice });
  }
}

/**
 * Whether a look says that hints don't belong on a server any more. If no server is a source because that one doesn't
 * answer the look, it isn't: the connection to it tells more. Pure.
 */
function isOver(choice: SourceChoice, server: string): boolean {
  switch (choice.kind) {
    case 'source':
      return choice.server !== server;
    case 'several':
      return true;
    case 'none':
      return choice.others.some((other) => other.server === server && other.answers);
  }
}
