import { counters } from './load-schema.js';
import type { Random } from './random.js';

const names = ['Ada', "O'Neill", 'Ümit Öz', '李小龍', '😀🎉', 'back\\slash "quoted"', 'new\nline', ''];
const states = ['new', 'paid', "sent'out", 'größer'];
const marks = ['', 'a', 'a,c', 'b,c,d'];

/** Runs a statement. */
export type Run = (sql: string, values?: unknown[]) => Promise<unknown>;

/** What ordinary transactions are made of: statements made up at random, on behalf of one writer. */
export class Work {
  /** What the next choices are drawn from. */
  random: Random;
  readonly #number: number;
  readonly #run: Run;
  #made = 0;

  /** @param number the writer's: what it makes is told apart by it. */
  constructor(number: number, random: Random, run: Run) {
    this.#number = number;
    this.random = random;
    this.#run = run;
  }

  /** One of the works below. */
  async any(): Promise<void> {
    const works = [
      () => this.manyRows(),
      () => this.#update(),
      () => this.#delete(),
      () => this.#keyless(),
      () => this.#counters(),
      () => this.order(),
      () => this.#undone(),
      () => this.#aside(),
    ];
    await this.random.pick(works)();
  }

  /** A row with a value of each type. */
  async order(): Promise<void> {
    const random = this.random;
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

  /** Rows of one table in one statement. */
  async manyRows(): Promise<void> {
    const random = this.random;
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
    const random = this.random;
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
      this.random.between(0, 30),
    ]);
    await this.#run('DELETE FROM orders WHERE id = ?', [this.random.between(1, 400)]);
  }

  /** Rows that may be the very same ones, several times. */
  async #keyless(): Promise<void> {
    const random = this.random;
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
    const first = this.random.between(0, counters - 1);
    await this.#run('UPDATE counters SET value = value + 1 WHERE id BETWEEN ? AND ? ORDER BY id', [
      first,
      first + this.random.between(0, 10),
    ]);
  }

  /** Work that a savepoint takes back. */
  async #undone(): Promise<void> {
    await this.#run('SAVEPOINT before_it');
    await this.manyRows();
    if (this.random.chance(0.5)) await this.#run('ROLLBACK TO SAVEPOINT before_it');
    else await this.#run('RELEASE SAVEPOINT before_it');
  }

  /** A table that isn't delivered, in the same transaction. */
  async #aside(): Promise<void> {
    await this.#run('INSERT INTO aside.noise VALUES (?, ?)', [this.#number, this.random.pick(names)]);
  }

  /** A column more for a table, or a table of its own. */
  async definition(): Promise<void> {
    if (!this.random.chance(0.4)) return this.table();
    const value = this.random.between(0, 99);
    await this.#run(`ALTER TABLE orders ADD COLUMN ${this.#newName()} INT NOT NULL DEFAULT ${value}`);
  }

  /** Makes a table, and perhaps empties or drops it: several transactions. */
  async table(): Promise<void> {
    const name = this.#newName();
    await this.#run(`CREATE TABLE ${name} (id INT PRIMARY KEY, note VARCHAR(40))`);
    await this.#run(`INSERT INTO ${name} VALUES (1, 'one'), (2, NULL)`);
    if (this.random.chance(0.3)) await this.#run(`TRUNCATE TABLE ${name}`);
    if (this.random.chance(0.6)) await this.#run(`DROP TABLE ${name}`);
  }

  #newName(): string {
    return `w${this.#number}_${this.#made++}`;
  }

  #someOrder(): number {
    return this.#number * 1_000_000 + this.random.between(0, Math.max(0, this.#made - 1));
  }
}
