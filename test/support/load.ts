import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';
import { createSchema, enter, schema } from './load-schema.js';
import { Writer } from './load-writer.js';
import { Random } from './random.js';

/** What a load may be told. */
export type LoadOptions = {
  /** 1, or what WAYMARK_TEST_SEED says, unless given. */
  readonly seed?: number;
  /** How many write at once, each on a connection of its own. */
  readonly writers?: number;
  /** Transactions per second, of all writers together. */
  readonly rate?: number;
  /** Whether servers of both vendors replicate it. */
  readonly vendors?: 'one' | 'both';
};

/** A load that is being written. */
export type Load = {
  /** Transactions per second from now on. */
  setRate(rate: number): void;
  /** Transactions committed so far, DDL included. */
  committed(): number;
  /** One transaction of so many rows, each longer by so many bytes; resolves when it is committed. */
  bigTransaction(rows: number, paddingBytes?: number): Promise<void>;
  /** A row that says which one it is: what stands before it in the log came before it. */
  mark(): Promise<string>;
  /** Ends the writers; marks can still be made. Rejects with what went wrong in one of them, if anything did. */
  stop(): Promise<void>;
  /** Ends writers and connections. Never rejects. */
  close(): Promise<void>;
};

/** Makes the schema `shop` on a source and writes to it, steadily, until stopped. The same seed, the same choices. */
export async function startLoad(source: TestServer, options: LoadOptions = {}): Promise<Load> {
  const { seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 1), writers: count = 4 } = options;
  let rate = options.rate ?? 80;
  let ended = false;
  const errors: unknown[] = [];
  const control = await source.connect();
  await createSchema(control, options.vendors);
  const connections: Connection[] = [control];
  const writers: Writer[] = [];
  for (let number = 1; number <= count; number += 1) {
    const connection = await source.connect();
    await enter(connection);
    connections.push(connection);
    writers.push(new Writer(number, connection, new Random(seed * 1000 + number)));
  }
  const write = async (writer: Writer): Promise<void> => {
    for (
      let due = performance.now();
      !ended;
      due = Math.max(due + (1000 * count) / rate, performance.now())
    ) {
      await pause(Math.max(0, due - performance.now()));
      await writer.once();
    }
  };
  const running = writers.map((writer) =>
    write(writer).catch((error: unknown) => {
      errors.push(error);
    }),
  );
  return {
    setRate(wanted) {
      rate = wanted;
    },
    committed: () => writers.reduce((sum, { committed }) => sum + committed, 0),
    bigTransaction: (rows, paddingBytes = 0) => writeBigTransaction(source, rows, paddingBytes),
    async mark() {
      const mark = randomUUID();
      // Over the server's own connection, which is made anew when the server was restarted.
      await source.query(`INSERT INTO ${schema}.finish VALUES (?)`, [mark]);
      return mark;
    },
    async stop() {
      ended = true;
      await Promise.all(running);
      if (errors.length > 0) throw new AggregateError(errors, `the load failed: ${String(errors[0])}`);
    },
    async close() {
      ended = true;
      await Promise.all(running);
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Digits crossed with each other: works on every vendor, and makes a hundred thousand rows in a moment. */
const digits =
  '(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';

/** Inserts rows into `bulk`, each longer by so many bytes; to be given the first number, and the one behind the last. */
export function bulkInsert(base: number, paddingBytes: number): string {
  const number = 'a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d';
  const crossed = ['a', 'b', 'c', 'e', 'f', 'g'].map((name) => `${digits} ${name}`).join(' CROSS JOIN ');
  return `INSERT INTO bulk
      SELECT ${base} + n.number, CONCAT('row ', n.number, ' of many, with some text behind it', REPEAT('.', ${paddingBytes})), n.number / 100
      FROM (SELECT ${number} AS number FROM ${crossed}) n WHERE n.number >= ? AND n.number < ? ORDER BY n.number`;
}

let bigTransactions = 0;

async function writeBigTransaction(source: TestServer, rows: number, paddingBytes: number): Promise<void> {
  const connection = await source.connect({ database: schema });
  const base = ++bigTransactions * 10_000_000;
  const insert = bulkInsert(base, paddingBytes);
  try {
    await connection.query('BEGIN');
    await connection.query("INSERT INTO journal VALUES (0, NULL, 'a big one begins')");
    const half = Math.floor(rows / 2);
    await connection.query(insert, [0, half]);
    // Not delivered, and all the same a part of what is compared when the transaction is cut off.
    await connection.query('INSERT INTO aside.noise SELECT 0, filler FROM bulk WHERE id >= ? LIMIT 10000', [
      base,
    ]);
    await connection.query(insert, [half, rows]);
    await connection.query("INSERT INTO journal VALUES (0, NULL, 'a big one ends')");
    await connection.query('COMMIT');
  } finally {
    connection.destroy();
  }
}
