import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { createSchema, enter, schema } from '../support/load-schema.js';
import { Ledger, ledgerTable } from './ledger.js';
import { Writer } from './writer.js';

/** Each writer's connection is its own. */
const writers = 4;

/** Of all writers together. */
const transactionsPerSecond = 60;

type Order = { readonly kind: string; readonly done: () => void };

/** A load that survives its server: whatever happens to it, the writers come back and know what they did. */
export class Load {
  readonly ledger = new Ledger();
  readonly #source: TestServer;
  readonly #writers: Writer[];
  readonly #closing = new AbortController();
  #ended = false;
  #running: Promise<unknown> = Promise.resolve();
  #lookedUp = 0;
  #times = 1;
  /** Kinds that are written next. */
  readonly #orders: Order[] = [];

  private constructor(source: TestServer, seed: number) {
    this.#source = source;
    const { signal } = this.#closing;
    this.#writers = Array.from(
      { length: writers },
      (_, index) => new Writer({ number: index + 1, seed, source, ledger: this.ledger, signal }),
    );
  }

  /** Makes the schema, and begins to write. */
  static async start(source: TestServer, seed: number, onFailure: (error: unknown) => void): Promise<Load> {
    const control = await source.connect();
    await createSchema(control);
    await enter(control);
    await control.query(ledgerTable);
    await control.end();
    const load = new Load(source, seed);
    load.#running = Promise.all(load.#writers.map((writer) => load.#write(writer))).catch(
      (error: unknown) => {
        if (!load.#closing.signal.aborted) onFailure(error);
      },
    );
    return load;
  }

  /** Leaves definitions out, or no longer; resolves when none is under way. */
  async setDefinitions(on: boolean): Promise<void> {
    for (const writer of this.#writers) writer.definesNothing = !on;
    const over = (): Promise<boolean> => Promise.resolve(!this.#writers.some(({ defines }) => defines));
    await until('no definition is under way', over, { timeoutMs: 60_000 });
  }

  /** So many times as many transactions are written from now on, if the source can. */
  quicken(times: number): void {
    this.#times = times;
  }

  /** Has a transaction of that kind written next; resolves when it has been written or given up. */
  order(kind: string): Promise<void> {
    return new Promise((done) => this.#orders.push({ kind, done }));
  }

  /** A table that nobody has seen before, with a row. */
  async newTable(): Promise<void> {
    const table = `${schema}.looked_up_${++this.#lookedUp}`;
    await this.#source.query(
      `CREATE TABLE ${table} (id INT PRIMARY KEY, size ENUM('small', 'groß') NOT NULL, note VARCHAR(40))`,
    );
    await this.#source.query(`INSERT INTO ${table} VALUES (1, 'groß', 'one'), (2, 'small', NULL)`);
  }

  /** A row that says which one it is: what stands before it in the log came before it. */
  async mark(mark: string): Promise<void> {
    await this.#source.query(`INSERT INTO ${schema}.finish VALUES (?)`, [mark]);
  }

  /** Ends the writers; nothing stays prepared. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#running;
    for (const writer of this.#writers) await writer.settle();
  }

  /** Ends it at once. */
  close(): void {
    this.#ended = true;
    this.#closing.abort();
    for (const writer of this.#writers) writer.drop();
  }

  async #write(writer: Writer): Promise<void> {
    for (let due = performance.now(); !this.#ended;) {
      await pause(Math.max(0, due - performance.now()));
      due = Math.max(due + (1000 * writers) / (transactionsPerSecond * this.#times), performance.now());
      const order = this.#orders.shift();
      await writer.once(order?.kind);
      order?.done();
    }
  }
}
