import type { Connection } from 'mysql2/promise';

/** The schema that the load writes and the agent delivers. */
export const schema = 'shop';

/** Rows of the table that several rows of are updated at once. */
export const counters = 40;

/** Transactions that wait behind a kill or an ALTER must not wait for long. */
const lockWaitSeconds = 3;

const tables = [
  `CREATE TABLE orders (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer VARCHAR(100) NULL,
    amount DECIMAL(30,10) NOT NULL,
    big BIGINT UNSIGNED NOT NULL,
    small BIGINT NULL,
    placed DATETIME(6) NULL,
    day DATE NULL,
    state ENUM('new', 'paid', 'sent''out', 'größer') NOT NULL,
    marks SET('a', 'b', 'c', 'd') NOT NULL,
    token VARBINARY(40) NULL,
    image MEDIUMBLOB NULL,
    doc JSON NULL,
    ratio DOUBLE NULL
  ) ENGINE=InnoDB`,
  'CREATE TABLE items (order_no BIGINT NOT NULL, line INT NOT NULL, sku CHAR(12) NOT NULL, quantity SMALLINT NOT NULL, PRIMARY KEY (order_no, line)) ENGINE=InnoDB',
  'CREATE TABLE journal (writer INT NOT NULL, at TIME(3) NULL, note TEXT NULL) ENGINE=InnoDB',
  'CREATE TABLE counters (id INT NOT NULL PRIMARY KEY, value BIGINT NOT NULL) ENGINE=InnoDB',
  'CREATE TABLE bulk (id BIGINT NOT NULL PRIMARY KEY, filler VARCHAR(400) NOT NULL, amount DECIMAL(12,2) NULL) ENGINE=InnoDB',
  'CREATE TABLE finish (mark VARCHAR(64) NOT NULL PRIMARY KEY) ENGINE=InnoDB',
];

/**
 * Makes the schema, and another one that is written in the same transactions and not delivered.
 *
 * @param vendors `both`: MariaDB has no type of its own for MySQL's JSON, so that there must be none.
 */
export async function createSchema(connection: Connection, vendors: 'one' | 'both' = 'one'): Promise<void> {
  await connection.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
  await connection.query('CREATE DATABASE aside');
  await connection.query('CREATE TABLE aside.noise (writer INT, note VARCHAR(400))');
  await enter(connection);
  for (const table of tables) {
    await connection.query(vendors === 'both' ? table.replace('doc JSON', 'doc LONGTEXT') : table);
  }
  const values = Array.from({ length: counters }, (_, id) => [id, 0]);
  await connection.query('INSERT INTO counters VALUES ?', [values]);
}

/** Makes the schema a connection's default one. */
export async function enter(connection: Connection): Promise<void> {
  await connection.query(`USE ${schema}`);
  await connection.query(
    `SET SESSION innodb_lock_wait_timeout = ${lockWaitSeconds}, SESSION lock_wait_timeout = ${lockWaitSeconds}`,
  );
}
