import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../servers/index.js';
import { Work } from '../support/load-work.js';
import { isPassing } from '../support/load-writer.js';
import { Random } from '../support/random.js';
import type { Entry, Ledger } from './ledger.js';
import { isLost, Session } from './session.js';
import { type Kind, kindsOf } from './transactions.js';

const reconnectMs = 100;

/** What a writer is given. */
export type WriterOptions = {
  readonly number: number;
  readonly seed: number;
  readonly source: TestServer;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
};

/** Writes one transaction after the other, keeps books of them, and comes back whenever its connection is lost. */
export class Writer {
  readonly number: number;
  readonly source: TestServer;
  readonly work: Work;
  /** Where the numbers of huge transactions' rows in `bulk` begin. */
  readonly bulks: number[] = [];
  /** While it is true, nothing is defined: definitions that are due are left out. */
  definesNothing = false;
  /** Of the transaction that is being written. */
  random: Random;
  readonly #options: WriterOptions;
  readonly #kinds: readonly Kind[];
  #session: Session | null = null;
  #entry: Entry | null = null;
  #changes = 0;
  readonly #savepoints = new Map<string, number>();
  #made = 0;
  #busyWith: Kind | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.number = options.number;
    this.source = options.source;
    this.random = new Random(options.seed);
    // In every other run a replica can be moved below the source.
    this.#kinds = kindsOf(options.source.vendor, options.seed % 2 === 0);
    this.work = new Work(options.number, this.random, (sql, values) => this.run(sql, values));
  }

  /** The number of the transaction that is being written. */
  get transaction(): number {
    return this.#made;
  }

  /** Whether a definition is under way. */
  get defines(): boolean {
    return this.#busyWith?.defines === true;
  }

  /** One transaction, of a kind drawn from the seed, the writer and its number alone, unless one is ordered. */
  async once(ordered?: string): Promise<void> {
    this.#made += 1;
    this.random = new Random(this.#options.seed * 1_000_003 + this.number * 100_000_007 + this.#made);
    this.work.random = this.random;
    const kind = this.#kinds.find(({ name }) => name === ordered) ?? this.random.weighted(this.#kinds);
    if (kind.defines === true && this.definesNothing) return;
    this.#busyWith = kind;
    this.#entry = null;
    this.#savepoints.clear();
    try {
      await this.#connected();
      await kind.write(this);
    } catch (error) {
      this.#gaveUp();
      if (isPassing(error)) await this.#afterPassing(kind);
      else if (isLost(error)) this.drop();
      else
        throw new Error(`writer ${this.number}, transaction ${this.#made} (${kind.name})`, { cause: error });
    } finally {
      this.#busyWith = null;
    }
  }

  async run(sql: string, values: unknown[] = []): Promise<number> {
    const session = this.#session;
    if (session === null) throw new Error('no connection');
    const changes = await session.run(sql, values);
    this.#changes += changes;
    const [, verb, name] = /^(SAVEPOINT|ROLLBACK TO SAVEPOINT) (\w+)$/.exec(sql) ?? [];
    if (verb === 'SAVEPOINT' && name !== undefined) this.#savepoints.set(name, this.#changes);
    else if (name !== undefined) this.#changes = this.#savepoints.get(name) ?? 0;
    return changes;
  }

  async rows(sql: string, values: unknown[]): Promise<unknown[]> {
    return (await this.#session?.rows(sql, values)) ?? [];
  }

  /** Begins a transaction that stands in the books. */
  async begin(statement = 'BEGIN'): Promise<void> {
    const kind = this.#busyWith?.name ?? '';
    this.#entry = this.#options.ledger.open(this.number, this.#made, kind);
    await this.run(statement);
    await this.run('INSERT INTO ledger VALUES (?, ?, ?, NULL)', [this.number, this.#made, kind]);
    this.#changes = 0;
  }

  /** The last change: how many there were. */
  async close(): Promise<void> {
    await this.run('UPDATE ledger SET changes = ? WHERE writer = ? AND number = ?', [
      this.#changes,
      this.number,
      this.#made,
    ]);
  }

  /** Commits; `statements` does it, the last of which is answered when it is certain. */
  async commit(...statements: readonly string[]): Promise<void> {
    await this.close();
    this.#is('unknown');
    for (const statement of statements.length === 0 ? ['COMMIT'] : statements) await this.run(statement);
    this.#is('committed');
  }

  /** Rolls back: from here on it is certain that nothing of it is ever committed. */
  async rollback(...statements: readonly string[]): Promise<void> {
    this.#is('rolled back');
    for (const statement of statements.length === 0 ? ['ROLLBACK'] : statements) await this.run(statement);
  }

  /** Loses the connection, whose transaction is rolled back by it: KILL on the server, or just gone. */
  async lose(): Promise<void> {
    this.#is('rolled back');
    if (this.random.chance(0.5)) {
      const id = this.#session?.id ?? 0;
      // It may be gone already, if the server was lost meanwhile.
      await this.source.query(`KILL CONNECTION ${id}`).catch(() => undefined);
    }
    this.drop();
  }

  /** Puts the connection away; the next transaction comes over another one. */
  drop(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  #is(outcome: Entry['outcome']): void {
    if (this.#entry !== null) this.#entry.outcome = outcome;
  }

  /** Whatever wasn't asked to be committed never is. */
  #gaveUp(): void {
    if (this.#entry?.outcome === 'open') this.#entry.outcome = 'rolled back';
  }

  async #afterPassing(kind: Kind): Promise<void> {
    if (kind.holds === true) this.drop();
    else
      await this.run('ROLLBACK').catch(() => {
        this.drop();
      });
  }

  async #connected(): Promise<void> {
    while (this.#session === null) {
      this.#options.signal.throwIfAborted();
      try {
        this.#session = await Session.open(this.source);
        await this.#settlePrepared(this.#session);
      } catch (error) {
        this.drop();
        if (!isLost(error)) throw error;
        await pause(reconnectMs);
      }
    }
  }

  /**
   * Ends what a lost connection has left prepared, as the books say: nobody else does, and its locks stay until then.
   * Before that connection has ended, the server doesn't let another one do it.
   */
  async #settlePrepared(session: Session): Promise<void> {
    for (;;) {
      const prepared = await session.rows<{ data: unknown }>('XA RECOVER');
      const mine = prepared
        .map(({ data }) => String(data))
        .filter((xid) => xid.startsWith(`w${this.number}-`));
      if (mine.length === 0) return;
      for (const xid of mine) {
        const entry = this.#options.ledger.find(this.number, Number(xid.slice(xid.indexOf('-') + 1)));
        const verb = entry?.outcome === 'rolled back' ? 'ROLLBACK' : 'COMMIT';
        await session.run(`XA ${verb} '${xid}'`).catch((error: unknown) => {
          if (isLost(error)) throw error;
        });
      }
      await pause(reconnectMs);
    }
  }

  /** Leaves nothing prepared. */
  async settle(): Promise<void> {
    this.drop();
    await this.#connected();
    this.drop();
  }
}
