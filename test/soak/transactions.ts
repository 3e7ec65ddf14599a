import { defaultKind } from '../servers/kind.js';
import type { Vendor } from '../servers/index.js';
import { bulkInsert } from '../support/load.js';
import type { Writer } from './writer.js';

/** A kind of transaction that the load is made of. */
export type Kind = {
  readonly name: string;
  readonly weight: number;
  /** One vendor's alone. */
  readonly only?: Vendor;
  /** Whether it defines tables that are delivered. */
  readonly defines?: true;
  /** Whether its session holds more than a transaction: after an error it isn't used again. */
  readonly holds?: true;
  /** Whether its session logs statements: where they were rolled back, nobody can compare the source's log. */
  readonly logsStatements?: true;
  write(writer: Writer): Promise<void>;
};

/**
 * What a vendor's servers are given to do.
 *
 * @param statements whether some sessions log statements
 */
export function kindsOf(vendor: Vendor, statements: boolean): readonly Kind[] {
  return kinds.filter(
    ({ only, logsStatements }) =>
      (only === undefined || only === vendor) && (statements || logsStatements !== true),
  );
}

const bulkPaddingBytes = 60;

const kinds: readonly Kind[] = [
  { name: 'one statement', weight: 20, write: ({ work }) => work.order() },
  {
    name: 'several statements',
    weight: 60,
    async write(writer) {
      await writer.begin();
      await works(writer);
      await writer.commit();
    },
  },
  {
    name: 'rolled back',
    weight: 6,
    async write(writer) {
      await writer.begin();
      await works(writer);
      await writer.rollback();
    },
  },
  {
    name: 'connection lost',
    weight: 1,
    async write(writer) {
      await writer.begin();
      await works(writer);
      await writer.lose();
    },
  },
  {
    name: 'temporary table inside',
    weight: 2,
    holds: true,
    async write(writer) {
      await writer.begin();
      await throughTemporaryTable(writer);
      await writer.commit();
    },
  },
  {
    name: 'temporary table around',
    weight: 1,
    holds: true,
    async write(writer) {
      await writer.run('CREATE TEMPORARY TABLE temporary_around (id INT PRIMARY KEY, note VARCHAR(40))');
      await writer.begin();
      await writer.run("INSERT INTO temporary_around VALUES (1, 'one'), (2, NULL)");
      await journalFrom(writer, 'temporary_around');
      await works(writer);
      if (writer.random.chance(0.5)) await writer.commit();
      else await writer.rollback();
      await writer.run('DROP TEMPORARY TABLE temporary_around');
    },
  },
  {
    name: 'temporary table, rolled back',
    weight: 2,
    holds: true,
    async write(writer) {
      await writer.begin();
      await throughTemporaryTable(writer);
      await writer.rollback();
    },
  },
  {
    name: 'temporary table, connection lost',
    weight: 0.5,
    holds: true,
    async write(writer) {
      await writer.begin();
      await throughTemporaryTable(writer);
      await writer.lose();
    },
  },
  {
    name: 'temporary table behind a savepoint',
    weight: 2,
    holds: true,
    async write(writer) {
      await writer.begin();
      await works(writer);
      await writer.run('SAVEPOINT before_table');
      await throughTemporaryTable(writer);
      await writer.run('ROLLBACK TO SAVEPOINT before_table');
      await works(writer);
      if (writer.random.chance(0.8)) await writer.commit();
      else await writer.rollback();
    },
  },
  {
    name: 'temporary table, MIXED, rolled back',
    weight: 1,
    holds: true,
    logsStatements: true,
    only: 'mariadb',
    async write(writer) {
      await writer.run('SET SESSION binlog_format = MIXED');
      await writer.begin();
      await throughTemporaryTable(writer);
      await writer.rollback();
      await writer.run('SET SESSION binlog_format = ROW');
    },
  },
  { name: 'table made', weight: 1, defines: true, write: ({ work }) => work.table() },
  { name: 'column added or dropped', weight: 0.3, defines: true, write: changeColumn },
  { name: 'huge', weight: 0.02, write: (writer) => huge(writer, () => writer.commit()) },
  {
    name: 'huge, rolled back with a temporary table',
    weight: 0.02,
    holds: true,
    write: (writer) =>
      huge(writer, async () => {
        await throughTemporaryTable(writer);
        await writer.rollback();
      }),
  },
  {
    name: 'huge, deleted',
    weight: 0.2,
    async write(writer) {
      const base = writer.bulks.shift();
      if (base === undefined) return;
      await writer.begin();
      await writer.run('DELETE FROM bulk WHERE id >= ? AND id < ?', [base, base + bulkStep]);
      await writer.commit();
    },
  },
  {
    // The tables of a long run stay as small as those of a short one.
    name: 'old rows deleted',
    weight: 0.15,
    async write(writer) {
      await writer.begin();
      const base = writer.number * 1_000_000;
      const newest = base + Math.max(0, writer.transaction - 3000);
      await writer.run('DELETE FROM items WHERE order_no >= ? AND order_no < ?', [base, newest]);
      await writer.commit();
    },
  },
  {
    name: 'compressed',
    weight: 8,
    holds: true,
    only: 'mysql',
    async write(writer) {
      await writer.run('SET SESSION binlog_transaction_compression = ON');
      await writer.begin();
      await works(writer);
      await writer.commit();
      await writer.run('SET SESSION binlog_transaction_compression = OFF');
    },
  },
  {
    name: 'XA',
    weight: 1.5,
    holds: true,
    write: (writer) =>
      xa(writer, (xid) => writer.commit(`XA END ${xid}`, `XA PREPARE ${xid}`, `XA COMMIT ${xid}`)),
  },
  {
    name: 'XA in one phase',
    weight: 1,
    holds: true,
    write: (writer) => xa(writer, (xid) => writer.commit(`XA END ${xid}`, `XA COMMIT ${xid} ONE PHASE`)),
  },
  {
    name: 'XA, rolled back before it was prepared',
    weight: 0.5,
    holds: true,
    write: (writer) => xa(writer, (xid) => writer.rollback(`XA END ${xid}`, `XA ROLLBACK ${xid}`)),
  },
  {
    name: 'XA, rolled back',
    weight: 0.5,
    holds: true,
    write: (writer) =>
      xa(writer, async (xid) => {
        await writer.close();
        await writer.rollback(`XA END ${xid}`, `XA PREPARE ${xid}`, `XA ROLLBACK ${xid}`);
      }),
  },
  {
    name: 'XA, left prepared',
    weight: 0.3,
    holds: true,
    write: (writer) =>
      xa(writer, async (xid) => {
        await writer.commit(`XA END ${xid}`, `XA PREPARE ${xid}`);
        writer.drop();
      }),
  },
];

async function works({ work, random }: Writer): Promise<void> {
  for (let count = random.between(1, 4); count > 0; count -= 1) await work.any();
}

/**
 * Rows of this writer's alone: a MySQL replica logs the rows of one change to a table without a key in the order in which
 * it finds them, which is another one than its source's where writers insert side by side (docs/limits.md).
 */
async function journalFrom(writer: Writer, table: string): Promise<void> {
  await writer.run(`INSERT INTO journal SELECT ${writer.number}, NULL, note FROM ${table}`);
}

/** Works before and behind a temporary table that is made, used and dropped inside of the transaction. */
async function throughTemporaryTable(writer: Writer): Promise<void> {
  await works(writer);
  await writer.run('CREATE TEMPORARY TABLE temporary_inside (id INT PRIMARY KEY, note VARCHAR(40))');
  await writer.run("INSERT INTO temporary_inside VALUES (1, 'one'), (2, NULL)");
  await journalFrom(writer, 'temporary_inside');
  await writer.run('DROP TEMPORARY TABLE temporary_inside');
  if (writer.random.chance(0.5)) await works(writer);
}

/**
 * Each writer has a column that comes and goes. A killed replica of MariaDB may carry the statement out twice, and is to
 * find nothing wrong with that.
 */
async function changeColumn(writer: Writer): Promise<void> {
  const name = `column_${writer.number}`;
  const value = writer.random.between(0, 99);
  const there = await writer.rows(
    "SELECT 1 FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' AND COLUMN_NAME = ?",
    [name],
  );
  const [unlessGone, unlessThere] =
    defaultKind().vendor === 'mariadb' ? ['IF EXISTS ', 'IF NOT EXISTS '] : ['', ''];
  await writer.run(
    there.length > 0
      ? `ALTER TABLE orders DROP COLUMN ${unlessGone}${name}`
      : `ALTER TABLE orders ADD COLUMN ${unlessThere}${name} INT NOT NULL DEFAULT ${value}`,
  );
}

/** From the first row of a huge transaction to the first one of the next. */
const bulkStep = 1_000_000;

async function huge(writer: Writer, end: () => Promise<void>): Promise<void> {
  const base = (writer.number * 10_000_000 + writer.transaction) * bulkStep;
  const rows = writer.random.between(10_000, 50_000);
  const insert = bulkInsert(base, bulkPaddingBytes);
  await writer.begin();
  await writer.run(insert, [0, Math.floor(rows / 2)]);
  await works(writer);
  await writer.run(insert, [Math.floor(rows / 2), rows]);
  await end();
  writer.bulks.push(base);
}

async function xa(writer: Writer, end: (xid: string) => Promise<void>): Promise<void> {
  const xid = `'w${writer.number}-${writer.transaction}'`;
  await writer.begin(`XA START ${xid}`);
  for (let count = writer.random.between(1, 3); count > 0; count -= 1) await writer.work.manyRows();
  await end(xid);
}
