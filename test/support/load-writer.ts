import type { Connection } from 'mysql2/promise';
import { Work } from './load-work.js';
import type { Random } from './random.js';

/** Errors that a busy table gives to anybody: the transaction is rolled back, and the next one comes. */
const passingErrors = new Set([
  1205, // lock wait timeout
  1213, // deadlock
  1412, // table definition has changed
  1020, // record has changed since last read
  1637, // too many active concurrent transactions
]);

/** Whether the load may go on after an error of a writer's. */
export function isPassing(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && passingErrors.has(Number(error.errno));
}

/** One of several writers: makes up transactions on a connection of its own. */
export class Writer {
  /** Transactions that were committed, and those that were rolled back on purpose or by a busy table. */
  committed = 0;
  rolledBack = 0;
  readonly #connection: Connection;
  readonly #random: Random;
  readonly #work: Work;

  constructor(number: number, connection: Connection, random: Random) {
    this.#connection = connection;
    this.#random = random;
    this.#work = new Work(number, random, (sql, values) => this.#run(sql, values));
  }

  /** One transaction, of a kind chosen at random. */
  async once(): Promise<void> {
    const kind = this.#random.fraction();
    try {
      if (kind < 0.25) await this.#work.order();
      else if (kind < 0.96) await this.#transaction();
      else await this.#work.definition();
      this.committed += 1;
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.rolledBack += 1;
      await this.#run('ROLLBACK');
    }
  }

  async #transaction(): Promise<void> {
    const random = this.#random;
    await this.#run('BEGIN');
    for (let count = random.between(1, 4); count > 0; count -= 1) await this.#work.any();
    if (random.chance(0.12)) {
      await this.#run('ROLLBACK');
      this.rolledBack += 1;
      this.committed -= 1;
    } else await this.#run('COMMIT');
  }

  async #run(sql: string, values: unknown[] = []): Promise<void> {
    await this.#connection.query(sql, values);
  }
}
