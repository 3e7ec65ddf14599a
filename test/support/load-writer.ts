import type { Connection, QueryResult, ResultSetHeader } from 'mysql2/promise';
import { counters } from './load-schema.js';
import type { Random } from './random.js';

const names = ['Ada', "O'Neill", 'Ümit Öz', '李小龍', '😀🎉', 'back\\slash "quoted"', 'new\nline', ''];
const states = ['new', 'paid', "sent'out", 'größer'];
const marks = ['', 'a', 'a,c', 'b,c,d'];

/** Errors that a busy table gives to anybody: the transaction is rolled back, and the next one comes. */
const passingErrors = new Set([
  1205, // lock wait timeout
  1213, // deadlock
  1412, // table definition has changed
  1020, // record has changed since last read
  1637, // too many active concurrent transactions
]);

/** Whether the load may go on after an error of a writer's. */
function isPassing(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && passingErrors.has(Number(error.errno));
}

/** One of several writers: makes up transactions on a connection of its own. */
export class Writer {
  /** Transactions that were committed, and those that were rolled back on purpose or by a busy table. */
  committed = 0;
  rolledBack = 0;
  readonly #number: number;
  readonly #connection: Connection;
  readonly #random: Random;
  #made = 0;

  constructor(number: number, connection: Connection, random: Random) {
    this.#number = number;
    this.#connection = connection;
    this.#random = random;
  }

  /** One transaction, of a kind chosen at random. */
  async once(): Promise<void> {
    const kind = this.#random.fraction();
    try {
      if (kind < 0.25) await this.#order();
      else if (kind < 0.96) await this.#transaction();
      else await this.#definition();
      this.committed += 1;
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.rolledBack += 1;
      await this.#run('ROLLBACK');
    }
  }

  async #transaction(): Promise<void> {
    const random = this.#random;
    const works = [
      () => this.#manyRows(),
      () => this.#update(),
      () => this.#delete(),
      () => this.#keyless(),
      () => this.#counters(),
      () => this.#order(),
      () => this.#undone(),
      () => this.#aside(),
    ];
    await this.#run('BEGIN');
    for (let count = random.between(1, 4); count > 0; count -= 1) await random.pick(works)();
    if (random.chance(0.12)) {
      await this.#run('ROLLBACK');
      this.rolledBack += 1;
      this.committed -= 1;
    } else await this.#run('COMMIT');
  }

  async #order(): Promise<void> {
    const random = this.#random;
    const order = {
      customer: random.chance(0.1) ? null : random.pick(names),
      amount: `${random.chance(0.3) ? '-' : ''}${random.between(0, 2 ** 40)}.${random.between(1, 999_999_999)}`,
      big: (2n ** 63n + BigInt(random.between(0, 2 ** 40))).toString(),
      small: random.chance(0.2) ? null : (-(2n ** 62n) - BigInt(random.between(0, 999))).toString(),
      placed: random.chance(0.2)
        ? null
        : `2026-11-${random.between(10, 28)} 23:59:59.${random.between(100_000, 999_999)}`,
      day: random.chance(0.2) ? null : `19${random.between(10, 99)}-02-28`,
      state: random.pick(states),
      marks: random.pick(marks),
      token: random.chance(0.2) ? null : random.bytes(random.between(0, 40)),
      image: random.chance(0.7) ? null : random.bytes(random.between(0, 3000)),
      doc: random.chance(0.3) ? null : JSON.stringify({ name: random.pick(names), list: [1, null, 2.5] }),
      // MariaDB's own text of a DOUBLE has 15 digits: no more are asked for.
      ratio: random.chance(0.3) ? null : random.between(-(2 ** 20), 2 ** 20) / 64,
    };
    await this.#run('INSERT INTO orders SET ?', [order]);
  }

  async #manyRows(): Promise<void> {
    const random = this.#random;
    const number = this.#number * 1_000_000 + this.#made++;
    const rows = Array.from({ length: random.between(2, 60) }, (_, line) => [
      number,
      line,
      `sku-${random.between(1, 9999)}`,
      random.between(-100, 100),
    ]);
    await this.#run('INSERT INTO items VALUES ?', [rows]);
  }

  async #update(): Promise<void> {
    const random = this.#random;
    await this.#run('UPDATE items SET quantity = quantity + 1 WHERE order_no = ?', [this.#someOrder()]);
    await this.#run('UPDATE orders SET state = ?, customer = ? WHERE id = ?', [
      random.pick(states),
      random.chance(0.3) ? null : random.pick(names),
      random.between(1, 400),
    ]);
  }

  async #delete(): Promise<void> {
    await this.#run('DELETE FROM items WHERE order_no = ? AND line > ?', [
      this.#someOrder(),
      this.#random.between(0, 30),
    ]);
    await this.#run('DELETE FROM orders WHERE id = ?', [this.#random.between(1, 400)]);
  }

  /** Rows that may be the very same ones, several times. */
  async #keyless(): Promise<void> {
    const random = this.#random;
    const row = [this.#number, random.chance(0.3) ? null : '12:34:56.789', random.pick([...names, null])];
    await this.#run('INSERT INTO journal VALUES ?', [[row, row]]);
    if (random.chance(0.3)) await this.#run('DELETE FROM journal WHERE writer = ? LIMIT 1', [this.#number]);
    if (random.chance(0.3)) {
      await this.#run('UPDATE journal SET note = ? WHERE writer = ? LIMIT 3', [
        random.pick(names),
        this.#number,
      ]);
    }
  }

  async #counters(): Promise<void> {
    const first = this.#random.between(0, counters - 1);
    await this.#run('UPDATE counters SET value = value + 1 WHERE id BETWEEN ? AND ? ORDER BY id', [
      first,
      first + this.#random.between(0, 10),
    ]);
  }

  /** Work that a savepoint takes back. */
  async #undone(): Promise<void> {
    await this.#run('SAVEPOINT before_it');
    await this.#manyRows();
    if (this.#random.chance(0.5)) await this.#run('ROLLBACK TO SAVEPOINT before_it');
    else await this.#run('RELEASE SAVEPOINT before_it');
  }

  /** A table that isn't delivered, in the same transaction. */
  async #aside(): Promise<void> {
    await this.#run('INSERT INTO aside.noise VALUES (?, ?)', [this.#number, this.#random.pick(names)]);
  }

  async #definition(): Promise<void> {
    const random = this.#random;
    const name = `w${this.#number}_${this.#made++}`;
    if (random.chance(0.4)) {
      await this.#run(`ALTER TABLE orders ADD COLUMN ${name} INT NOT NULL DEFAULT ${random.between(0, 99)}`);
      return;
    }
    await this.#run(`CREATE TABLE ${name} (id INT PRIMARY KEY, note VARCHAR(40))`);
    await this.#run(`INSERT INTO ${name} VALUES (1, 'one'), (2, NULL)`);
    if (random.chance(0.3)) await this.#run(`TRUNCATE TABLE ${name}`);
    if (random.chance(0.6)) await this.#run(`DROP TABLE ${name}`);
  }

  #someOrder(): number {
    return this.#number * 1_000_000 + this.#random.between(0, Math.max(0, this.#made - 1));
  }

  async #run(sql: string, values: unknown[] = []): Promise<ResultSetHeader | undefined> {
    const [result] = await this.#connection.query<QueryResult>(sql, values);
    return 'affectedRows' in result ? (result as ResultSetHeader) : undefined;
  }
}
