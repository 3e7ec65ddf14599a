import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';
import { schema } from './load-schema.js';
import { Random } from './random.js';

/** Transactions per second of one writer. */
const rate = 15;

/** A statement that waits longer is given up with its connection: its node may have been cut off. */
const statementLimitMs = 5000;

/** Which node a writer writes to now; undefined while there is none. */
type Target = () => TestServer | undefined;

/**
 * A load on several nodes of a cluster at once. Nodes may die and be cut off: a transaction may fail, and be committed
 * all the same. So only the log of a node tells what was committed. All tables have a primary key, as Group Replication
 * wants them.
 */
export class ClusterLoad {
  readonly #writers: Writer[];
  readonly #running: Promise<unknown>;

  private constructor(writers: Writer[]) {
    this.#writers = writers;
    this.#running = Promise.all(writers.map((writer) => writer.run()));
    this.#running.catch(() => undefined);
  }

  /** Makes the schema on a node, and writes from now on: one writer for each of the targets. */
  static async start(node: TestServer, targets: readonly Target[]): Promise<ClusterLoad> {
    await node.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
    await node.query(
      `CREATE TABLE ${schema}.written (writer INT, number INT, note VARCHAR(100), PRIMARY KEY (writer, number))`,
    );
    await node.query(`CREATE TABLE ${schema}.counters (id INT PRIMARY KEY, value BIGINT NOT NULL)`);
    await node.query(`INSERT INTO ${schema}.counters VALUES (0, 0), (1, 0), (2, 0)`);
    await node.query(`CREATE TABLE ${schema}.finish (mark VARCHAR(64) NOT NULL PRIMARY KEY)`);
    return new ClusterLoad(targets.map((target, index) => new Writer(index + 1, target)));
  }

  /** Transactions that were committed for certain. */
  committed(): number {
    return this.#writers.reduce((sum, { committed }) => sum + committed, 0);
  }

  /** A row that says which one it is: what stands before it in the log came before it. */
  async mark(node: TestServer): Promise<string> {
    const mark = randomUUID();
    await node.query(`INSERT INTO ${schema}.finish VALUES (?)`, [mark]);
    return mark;
  }

  /** Ends the writers; rejects with what went wrong in one of them, if anything did. */
  async stop(): Promise<void> {
    for (const writer of this.#writers) writer.end();
    await this.#running;
  }
}

/**
 * What a node of a cluster may say at any time: the transaction was in conflict with another node's, or the node takes
 * no writes now, or takes them no longer.
 */
const passing = new Set([
  1213, // deadlock: also a conflict with another node
  1205, // lock wait timeout
  1180, // error during COMMIT
  1047, // the node is not in the primary component
  1290, // super_read_only: the member is not the primary
  1317, // query execution was interrupted
  1053, // server shutdown in progress
  3098,
  3100,
  3101, // rolled back by Group Replication
  3750, // rolled back: this member has left the group
]);

/** Numbers of the system's and the client's errors are no server's: the connection is lost. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const number = 'errno' in error ? Number(error.errno) : 0;
  return passing.has(number) || 'fatal' in error || ('code' in error && !('sqlState' in error));
}

class Writer {
  committed = 0;
  readonly #number: number;
  readonly #target: Target;
  readonly #random: Random;
  #connection: Connection | null = null;
  #made = 0;
  #ended = false;

  constructor(number: number, target: Target) {
    this.#number = number;
    this.#target = target;
    this.#random = new Random(number);
  }

  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      await pause(1000 / rate);
      try {
        await this.#once();
      } catch (error) {
        this.#connection?.destroy();
        this.#connection = null;
        if (!isPassing(error)) throw error;
      }
    }
    this.#connection?.destroy();
  }

  async #once(): Promise<void> {
    const node = this.#target();
    if (node?.alive !== true) return;
    if (this.#connection?.config.port !== node.port) {
      this.#connection?.destroy();
      this.#connection = await node.connect({ database: schema });
    }
    if (this.#random.chance(0.03)) {
      await this.#run(`CREATE TABLE w${this.#number}_${this.#next()} (id INT PRIMARY KEY)`);
    } else await this.#transaction();
    this.committed += 1;
  }

  async #transaction(): Promise<void> {
    const random = this.#random;
    await this.#run('BEGIN');
    const rows = Array.from({ length: random.between(1, 5) }, () => [
      this.#number,
      this.#next(),
      `by ${this.#number}, ${random.between(0, 10 ** 9)}`,
    ]);
    await this.#run('INSERT INTO written VALUES ?', [rows]);
    const some = [this.#number, random.between(0, this.#made)];
    if (random.chance(0.4))
      await this.#run("UPDATE written SET note = 'changed' WHERE writer = ? AND number = ?", some);
    if (random.chance(0.2)) await this.#run('DELETE FROM written WHERE writer = ? AND number = ?', some);
    // The nodes are in conflict here.
    if (random.chance(0.3)) {
      await this.#run('UPDATE counters SET value = value + 1 WHERE id = ?', [random.between(0, 2)]);
    }
    await this.#run('COMMIT');
  }

  async #run(sql: string, values: unknown[] = []): Promise<void> {
    await this.#connection?.query({ sql, values, timeout: statementLimitMs });
  }

  #next(): number {
    this.#made += 1;
    return this.#made;
  }
}
