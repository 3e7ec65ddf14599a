import type { Secret } from '../config/secret.js';
import { type ZooKeeperAddress, formatServers, resolveServers } from '../config/zookeeper-address.js';
import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { sleep } from '../util/async.js';
import { every, uptimeMs } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import { ZooKeeperDisconnected } from './zookeeper-error.js';
import { startClient, whyNotNative } from './choose-client.js';
import type { Session, ZooKeeperClient } from './zookeeper-client.js';
import { formatDuration } from '../util/quantities.js';

/** Logs the state of the connection. A pino logger fits. */
export type ZooKeeperLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** An account of ZooKeeper's digest scheme. */
export type ZooKeeperAuth = { readonly user: string; readonly password: Secret };

/** Where ZooKeeper is, which account to use, and how long a session may be silent. */
export type ZooKeeperSessionOptions = {
  readonly address: ZooKeeperAddress;
  readonly auth: ZooKeeperAuth | null;
  readonly sessionTimeoutMs: number;
  readonly logger?: ZooKeeperLogger | undefined;
};

/**
 * The servers have heard from the session. It lives for at least `timeoutMs` from `sentAt` on, by this
 * machine's clock.
 */
export type Confirmation = {
  /** When the sync was sent, by {@link uptimeMs}. */
  readonly sentAt: number;
  readonly timeoutMs: number;
};

/** How long one connection may take to establish. Then another server is tried. */
const attemptMs = 3_000;
/** How long the native client's process may take to start. It takes long on a very busy machine. */
const processMs = 15_000;
const firstPauseMs = 100;
const longestPauseMs = 1_000;
/** How often a sync is sent. */
const confirmEveryMs = 1_000;

/**
 * Keeps a session with ZooKeeper. If the connection is lost, it connects again in the background. The new
 * connection goes on with the session if the servers still know it. Else a new session begins.
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
  #whyDisconnected: ZooKeeperDisconnected = new ZooKeeperDisconnected('no connection yet');
  #loggedClient = false;

  constructor(options: ZooKeeperSessionOptions) {
    this.#options = options;
  }

  /** The connected client, as far as known. Null while there is none. */
  get client(): ZooKeeperClient | null {
    return this.#client;
  }

  /** The number of the session, counted from 1. Ephemeral nodes of earlier sessions are gone. */
  get number(): number {
    return this.#number;
  }

  /** Why there is no connection. */
  get whyDisconnected(): ZooKeeperDisconnected {
    return this.#whyDisconnected;
  }

  /** Begins to connect. Continues until close(). */
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
   * Sends a sync, and waits for the reply. Null if there is none.
   *
   * A sync passes through everything that the servers have committed. So by the time of the reply, watches
   * have reported all changes from before the sync was sent. Callers during a running sync share its reply.
   * @param maxAgeMs an earlier reply will do if its sync was sent less than this long ago, over the same
   *   connection.
   */
  confirm(maxAgeMs = 0): Promise<Confirmation | null> {
    const latest = this.#latest;
    if (latest !== null && uptimeMs() - latest.sentAt < maxAgeMs) return Promise.resolve(latest);
    this.#confirming ??= this.#ask().finally(() => {
      this.#confirming = null;
    });
    return this.#confirming;
  }

  /** Ends the session, the connection and all attempts. Resolves when nothing keeps the process alive. */
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
      // Random: agents that lost the same server shouldn't all come back at the same moment.
      await sleep(pauseMs * (0.5 + runtime().random.fraction() / 2), signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** Makes one connection, and waits until it is lost. Returns whether it was established. Never rejects. */
  async #live(signal: AbortSignal): Promise<boolean> {
    let client: ZooKeeperClient | null = null;
    let lived = false;
    const confirming = every(confirmEveryMs, () => void this.confirm());
    try {
      client = await this.#connect(signal);
      lived = true;
      this.#use(client);
      const { sessionExpired, reason } = await abortable(client.lost, signal);
      if (sessionExpired) this.#session = null;
      this.#whyDisconnected = new ZooKeeperDisconnected(`the connection was lost (${reason})`);
      this.#options.logger?.warn(
        { event: 'zookeeper.lost', servers: formatServers(this.#options.address), reason },
        'lost the connection to ZooKeeper, connecting again',
      );
    } catch (error) {
      if (!signal.aborted)
        this.#whyDisconnected = new ZooKeeperDisconnected(messageOf(error), { cause: error });
    } finally {
      confirming.cancel();
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
      const ended = client.lost.then(({ sessionExpired, reason }) => {
        if (sessionExpired) this.#session = null;
        throw new Error(reason);
      });
      const session = await inTime(
        Promise.race([client.connected, ended]),
        'no answer from any server',
        signal,
      );
      // The new server may lag behind the last one. After the sync, it shows at least what was seen before.
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
    if (!this.#loggedClient) this.#logClient(client);
    this.#options.logger?.info(
      { event: 'zookeeper.connected', servers: formatServers(this.#options.address) },
      'connected to ZooKeeper',
    );
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #logClient({ kind }: ZooKeeperClient): void {
    this.#loggedClient = true;
    const reason = whyNotNative();
    const why = reason === null ? '' : `: the npm package zookeeper can't be loaded (${reason})`;
    const which = kind === 'native' ? 'the native one (npm package zookeeper)' : `waymark's own${why}`;
    this.#options.logger?.info(
      { event: 'zookeeper.client', client: kind, reason },
      `the client for ZooKeeper is ${which}`,
    );
  }
}

async function inTime<T>(promise: Promise<T>, message: string, signal: AbortSignal): Promise<T> {
  try {
    return await within(attemptMs, [signal], (limit) => abortable(promise, limit));
  } catch (error) {
    throw error instanceof TimeOver ? new Error(`${message} within ${formatDuration(attemptMs)}`) : error;
  }
}
