import { setTimeout as pause } from 'node:timers/promises';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';
import type { CommittedTransaction } from './judge.js';

/** The table that the load works on. */
export const table = { schema: 'shop', name: 'orders' } as const;

/** What makes the table, on the source. */
export const tableStatements = [
  `CREATE DATABASE ${table.schema}`,
  `CREATE TABLE ${table.schema}.${table.name} (
     id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
     writer TINYINT NOT NULL,
     seq INT NOT NULL COMMENT 'number of the transaction that wrote this last, counted by each writer',
     customer VARCHAR(40) NOT NULL,
     amount DECIMAL(12,2) NOT NULL,
     changed_at DATETIME(6) NOT NULL
   )`,
];

const customers = ['Ada', 'Bjørn', 'Chloé', 'Dvořák', 'Εύα', '冬子'];

/** Each transaction begins so long after the one before it at most. */
const longestPauseMs = 16;

/**
 * A steady load of several writers: transactions of one to three rows, now and then of a hundred, with updates and
 * deletes, and some that are rolled back.
 */
export class Load {
  /** Every transaction that the source has confirmed. */
  readonly committed: CommittedTransaction[] = [];
  #changes = 0;
  #rolledBack = 0;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();
  readonly #source: TestServer;

  constructor(source: TestServer) {
    this.#source = source;
  }

  /** Row changes in the committed transactions. */
  get changes(): number {
    return this.#changes;
  }

  get rolledBack(): number {
    return this.#rolledBack;
  }

  /** Starts the writers; what goes wrong later comes out at {@link stop}. */
  async start(writers: number): Promise<void> {
    const connections = await Promise.all(
      Array.from({ length: writers }, () => this.#source.connect({ database: table.schema })),
    );
    this.#running = Promise.all(
      connections.map((connection, index) => new Writer(connection, index + 1).run(this.#accounts())),
    );
    this.#running.catch(() => undefined);
  }

  /** Lets every writer finish its transaction. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  #accounts(): Accounts {
    return {
      stopping: () => this.#stopping,
      committed: (transaction) => {
        this.committed.push(transaction);
        this.#changes += transaction.changes;
      },
      rolledBack: () => {
        this.#rolledBack += 1;
      },
    };
  }
}

/** Where writers say what they have done. */
type Accounts = {
  readonly stopping: () => boolean;
  readonly committed: (transaction: CommittedTransaction) => void;
  readonly rolledBack: () => void;
};

class Writer {
  /** Rows of this writer that are there. */
  readonly #rows: number[] = [];
  readonly #connection: Connection;
  readonly #writer: number;

  constructor(connection: Connection, writer: number) {
    this.#connection = connection;
    this.#writer = writer;
  }

  async run({ stopping, committed, rolledBack }: Accounts): Promise<void> {
    for (let seq = 1; !stopping(); seq += 1) {
      await this.#connection.query('BEGIN');
      const before = [...this.#rows];
      const changes = await this.#change(seq);
      if (seq % 9 === 0) {
        await this.#connection.query('ROLLBACK');
        this.#rows.splice(0, this.#rows.length, ...before);
        rolledBack();
      } else {
        await this.#connection.query('COMMIT');
        committed({ writer: this.#writer, seq, changes });
      }
      await pause(Math.random() * longestPauseMs);
    }
    await this.#connection.end();
  }

  /** What a transaction does: always an insert, by which it can be told; gives the number of changed rows. */
  async #change(seq: number): Promise<number> {
    let changes = await this.#insert(seq, seq % 40 === 0 ? 100 : 1 + (seq % 3));
    if (seq % 2 === 0) {
      const sql = 'UPDATE orders SET seq = ?, amount = amount + 1.5, changed_at = NOW(6) WHERE id = ?';
      changes += await this.#run(sql, [seq, this.#rows[Math.floor(this.#rows.length / 2)]]);
    }
    if (seq % 5 === 0) {
      changes += await this.#run('DELETE FROM orders WHERE id = ?', [this.#rows.shift()]);
    }
    return changes;
  }

  async #insert(seq: number, count: number): Promise<number> {
    const customer = customers[seq % customers.length];
    const values = Array.from({ length: count }, (_, line) => [
      this.#writer,
      seq,
      `${customer ?? ''} ${line + 1}`,
      (((seq * 37) % 10_000) / 100 + line).toFixed(2),
    ]);
    const places = values.map(() => '(?, ?, ?, ?, NOW(6))').join(', ');
    const sql = `INSERT INTO orders (writer, seq, customer, amount, changed_at) VALUES ${places}`;
    const [{ insertId }] = await this.#connection.query<ResultSetHeader>(sql, values.flat());
    for (let line = 0; line < count; line += 1) this.#rows.push(insertId + line);
    return count;
  }

  async #run(sql: string, values: unknown[]): Promise<number> {
    const [{ affectedRows }] = await this.#connection.query<ResultSetHeader>(sql, values);
    return affectedRows;
  }
}
