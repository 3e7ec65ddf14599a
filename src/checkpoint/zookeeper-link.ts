import { sleep } from '../util/async.js';
import { messageOf } from '../util/errors.js';

import { abortable } from '../util/abortable.js';
import { TimeOver, within } from './limits.js';
import { type ZooKeeperAddress, formatServers, resolveServers } from './zookeeper-address.js';
import { ZooKeeperClient } from './zookeeper-client.js';

/** Where a store says what becomes of its connection; a pino logger will do. */
export type StoreLogger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** Longest wait for one connection to be made: milliseconds. Then another server gets its turn. */
const attemptMs = 3_000;
const firstPauseMs = 100;
const longestPauseMs = 1_000;

/** Keeps a connection to ZooKeeper: whenever it is lost, whatever the reason, a new one is made in the background. */
export class ZooKeeperLink {
  readonly #address: ZooKeeperAddress;
  readonly #sessionTimeoutMs: number;
  readonly #logger: StoreLogger | undefined;
  readonly #closing = new AbortController();
  #client: ZooKeeperClient | null = null;
  #running: Promise<void> | null = null;
  #waiting: (() => void)[] = [];
  #problem = 'no connection yet';

  constructor(address: ZooKeeperAddress, sessionTimeoutMs: number, logger?: StoreLogger) {
    this.#address = address;
    this.#sessionTimeoutMs = sessionTimeoutMs;
    this.#logger = logger;
  }

  /** A client that is connected as far as we know; null while there is none. */
  get client(): ZooKeeperClient | null {
    return this.#client;
  }

  /** Why there is no connection, for messages. */
  get problem(): string {
    return this.#problem;
  }

  /** Begins to connect; goes on until close(). */
  start(): void {
    this.#running ??= this.#run(this.#closing.signal);
  }

  /** Resolves when there is a connection; rejects with the signal's reason. */
  async connected(signal: AbortSignal): Promise<void> {
    if (this.#client !== null) return;
    const there = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    await abortable(there, signal);
  }

  /** Ends the connection and all attempts; resolves when nothing is left that keeps the process alive. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      if (await this.#live(signal)) pauseMs = firstPauseMs;
      // Agents that lost the same server shall not come back all in the same instant.
      await sleep(pauseMs * (0.5 + Math.random() / 2), signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** One connection from its making to its loss; whether there was one. Never rejects. */
  async #live(signal: AbortSignal): Promise<boolean> {
    let client: ZooKeeperClient | null = null;
    let lived = false;
    try {
      client = await this.#connect(signal);
      lived = true;
      this.#use(client);
      await abortable(client.lost, signal);
      this.#problem = 'the connection was lost';
      this.#logger?.warn(
        { event: 'zookeeper.lost', servers: formatServers(this.#address) },
        'connection to ZooKeeper lost; connecting anew',
      );
    } catch (error) {
      if (!signal.aborted) this.#problem = messageOf(error);
    } finally {
      this.#client = null;
      await client?.close();
    }
    return lived;
  }

  async #connect(signal: AbortSignal): Promise<ZooKeeperClient> {
    const connect = await this.#inTime(
      resolveServers(this.#address),
      'no answer from the name server',
      signal,
    );
    const client = ZooKeeperClient.start(connect, this.#sessionTimeoutMs);
    try {
      await this.#inTime(client.connected, 'no answer from any server', signal);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  async #inTime<T>(promise: Promise<T>, complaint: string, signal: AbortSignal): Promise<T> {
    try {
      return await within(attemptMs, [signal], (limit) => abortable(promise, limit));
    } catch (error) {
      throw error instanceof TimeOver ? new Error(`${complaint} within ${attemptMs} ms`) : error;
    }
  }

  #use(client: ZooKeeperClient): void {
    this.#client = client;
    this.#logger?.info(
      { event: 'zookeeper.connected', servers: formatServers(this.#address) },
      'connected to ZooKeeper',
    );
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
