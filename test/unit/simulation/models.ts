import type { Vendor } from '../../../src/mysql/version.js';
import { SimulatedServer, type ServerOptions } from '../../simulation/server/server.js';
import type { TableDefinition } from '../../simulation/server/tables.js';
import type { Content, RowChange } from '../../simulation/server/transaction.js';

/** A clock that goes on by what it is told. */
export class Clock {
  ms = 1_796_018_270_000;
  readonly now = (): number => this.ms;
}

/** A server of the model with a clock that stands still. */
export function modelOf(
  vendor: Vendor,
  serverId: number,
  options: Partial<ServerOptions> = {},
): SimulatedServer {
  const uuid = `f9131de3-ec82-11f1-97d7-02fc0000000${serverId}`;
  const address = { host: '127.0.0.1', port: 3000 + serverId };
  return new SimulatedServer({ vendor, serverId, uuid, ...address, nowMs: new Clock().now, ...options });
}

/** `shop.orders_1`. */
export const orders: TableDefinition = {
  schema: 'shop',
  name: 'orders_1',
  columns: [
    { name: 'id', type: 'bigint', nullable: false },
    { name: 'writer', type: 'int', nullable: false },
    { name: 'note', type: 'varchar', characters: 80, nullable: true },
  ],
};

/** The statement that makes it. */
export const createOrders: Content = {
  kind: 'statement',
  schema: '',
  sql: 'CREATE TABLE shop.orders_1 (id BIGINT NOT NULL PRIMARY KEY, writer INT NOT NULL, note VARCHAR(80)) CHARACTER SET utf8mb4',
  alters: { before: null, after: orders },
  isHint: false,
};

/** A transaction that inserts rows with these ids. */
export function insertOf(...ids: readonly number[]): Content {
  const rows = ids.map((id): RowChange => ({ before: null, after: [id, 1, `row ${id}`] }));
  return { kind: 'group', steps: [{ kind: 'rows', table: orders, operation: 'insert', rows }], end: 'xid' };
}

/** The ids of the rows that a server has. */
export function idsOf(server: SimulatedServer): number[] {
  return [...server.data.rows('shop.orders_1').keys()].map(Number).toSorted((a, b) => a - b);
}
