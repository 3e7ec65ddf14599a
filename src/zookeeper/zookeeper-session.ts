import type { Secret } from '../config/secret.js';
import { type ZooKeeperAddress, formatServers, resolveServers } from '../config/zookeeper-address.js';
import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { sleep } from '../util/async.js';
import { every, uptimeMs } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import { ZooKeeperAway } from './refusal.js';
import { startClient, whyNotNative } from './choose-client.js';
import type { Session, ZooKeeperClient } from './zookeeper-client.js';
import { formatDuration } from '../util/quantities.js';

/** Where it is said what becomes of the connection; a pino logger will do. */
export type ZooKeeperLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** An account of ZooKeeper's digest scheme. */
export type ZooKeeperAuth = { readonly user: string; readonly password: Secret };

/** Where ZooKeeper is, who we are there, and how long a session may be silent. */
export type ZooKeeperSessionOptions = {
  readonly address: ZooKeeperAddress;
  readonly auth: ZooKeeperAuth | null;
  readonly sessionTimeoutMs: number;
  readonly logger?: ZooKeeperLogger | undefined;
};

/** The servers have heard from us: the session lives for at least `timeoutMs` from `sentAt` on, by our clock. */
export type Confirmation = {
  /** When the question was sent, by {@link uptimeMs}. */
  readonly sentAt: number;
  readonly timeoutMs: number;
};

/** Longest wait for one connection to be made: milliseconds. Then another server gets its turn. */
const attemptMs = 3_000;
/** Longest wait for the native client's process: on a machine that is very busy. */
const processMs = 15_000;
const firstPauseMs = 100;
const longestPauseMs = 1_000;
/** How often the servers hear from us. */
const confirmEveryMs = 1_000;

/**
 * Keeps a session in ZooKeeper: whenever a connection is lost, whatever the reason, a new one is made in the
 * background, and goes on with the session if the servers still know it; else a new session begins.
 */
export class ZooKeeperSession {
  readonly #options: ZooKeeperSessionOptions;
  readonly #closing = new AbortController();
  #client: ZooKeeperClient | null = null;
  #session: Session | null = null;
  #number = 0;
  #running: Promise<void> | null = null;
  #waiting: (() => void)[] = [];
  #confirming: Promise<Confirmation | null> | null = null;
  #latest: Confirmation | null = null;
  #absence: ZooKeeperAway = new ZooKeeperAway('no connection yet');
  #introduced = false;

  constructor(options: ZooKeeperSessionOptions) {
    this.#options = options;
  }

  /** A client that is connected as far as we know; null while there is none. */
  get client(): ZooKeeperClient | null {
    return this.#client;
  }

  /** Counts the sessions: what belonged to an earlier one is gone. */
  get number(): number {
    return this.#number;
  }

  /** Why there is no connection. */
  get absence(): ZooKeeperAway {
    return this.#absence;
  }

  /** Begins to connect; goes on until close(). */
  start(): void {
    this.#running ??= this.#run(this.#closing.signal);
  }

  /**
   * Resolves when there is a connection.
   * @throws the signal's reason.
   */
  async connected(signal: AbortSignal): Promise<void> {
    if (this.#client !== null) return;
    const there = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    await abortable(there, signal);
  }

  /**
   * Asks the servers, through all that they have committed so far; null when there is no answer. What is watched and
   * had changed before the question was sent has been told by the time of the answer. Whoever asks while a question is
   * under way gets its answer.
   * @param maxAgeMs an answer will do whose question was sent that long ago, over the same connection.
   */
  confirm(maxAgeMs = 0): Promise<Confirmation | null> {
    const latest = this.#latest;
    if (latest !== null && uptimeMs() - latest.sentAt < maxAgeMs) return Promise.resolve(latest);
    this.#confirming ??= this.#ask().finally(() => {
      this.#confirming = null;
    });
    return this.#confirming;
  }

  /** Ends the session, the connection and all attempts; resolves when nothing is left that keeps the process alive. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #ask(): Promise<Confirmation | null> {
    const [client, session] = [this.#client, this.#session];
    if (client === null || session === null) return null;
    const sentAt = uptimeMs();
    const { ok } = await client.sync('/');
    if (!ok || client !== this.#client) return null;
    this.#latest = { sentAt, timeoutMs: session.timeoutMs };
    return this.#latest;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      if (await this.#live(signal)) pauseMs = firstPauseMs;
      // Agents that lost the same server shall not come back all in the same instant.
      await sleep(pauseMs * (0.5 + runtime().random.fraction() / 2), signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** One connection from its making to its loss; whether there was one. Never rejects. */
  async #live(signal: AbortSignal): Promise<boolean> {
    let client: ZooKeeperClient | null = null;
    let lived = false;
    const beat = every(confirmEveryMs, () => void this.confirm());
    try {
      client = await this.#connect(signal);
      lived = true;
      this.#use(client);
      const { of, reason } = await abortable(client.lost, signal);
      if (of === 'session') this.#session = null;
      this.#absence = new ZooKeeperAway(`the connection was lost (${reason})`);
      this.#options.logger?.warn(
        { event: 'zookeeper.lost', servers: formatServers(this.#options.address), reason },
        'connection to ZooKeeper lost; connecting anew',
      );
    } catch (error) {
      if (!signal.aborted) this.#absence = new ZooKeeperAway(messageOf(error), { cause: error });
    } finally {
      beat.cancel();
      this.#client = null;
      this.#latest = null;
      await (signal.aborted ? client?.close() : client?.abandon());
    }
    return lived;
  }

  async #connect(signal: AbortSignal): Promise<ZooKeeperClient> {
    const { address, auth, sessionTimeoutMs } = this.#options;
    const resolved = await inTime(resolveServers(address), 'no answer from the name server', signal);
    const digest = auth === null ? null : `${auth.user}:${auth.password.reveal()}`;
    const before = this.#session;
    const client = await within(processMs, [signal], (limit) =>
      startClient({ address: resolved, sessionTimeoutMs, digest, session: before }, limit),
    );
    try {
      const ended = client.lost.then(({ of, reason }) => {
        if (of === 'session') this.#session = null;
        throw new Error(reason);
      });
      const session = await inTime(
        Promise.race([client.connected, ended]),
        'no answer from any server',
        signal,
      );
      // The server may lag behind the one that we had before: what we have seen once we shall see from now on.
      await inTime(client.sync('/'), 'no answer from any server', signal);
      if (before?.id !== session.id) this.#number += 1;
      this.#session = session;
      return client;
    } catch (error) {
      await (signal.aborted ? client.close() : client.abandon());
      throw error;
    }
  }

  #use(client: ZooKeeperClient): void {
    this.#client = client;
    if (!this.#introduced) this.#introduce(client);
    this.#options.logger?.info(
      { event: 'zookeeper.connected', servers: formatServers(this.#options.address) },
      'connected to ZooKeeper',
    );
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #introduce({ kind }: ZooKeeperClient): void {
    this.#introduced = true;
    const reason = whyNotNative();
    const why = reason === null ? '' : `: the npm package zookeeper can't be loaded (${reason})`;
    const which = kind === 'native' ? 'the native one (npm package zookeeper)' : `waymark's own${why}`;
    this.#options.logger?.info(
      { event: 'zookeeper.client', client: kind, reason },
      `the client for ZooKeeper is ${which}`,
    );
  }
}

async function inTime<T>(promise: Promise<T>, complaint: string, signal: AbortSignal): Promise<T> {
  try {
    return await within(attemptMs, [signal], (limit) => abortable(promise, limit));
  } catch (error) {
    throw error instanceof TimeOver ? new Error(`${complaint} within ${formatDuration(attemptMs)}`) : error;
  }
}
