import { formatAddress } from '../config/address.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Account } from '../mysql/instance.js';
import { type TablesConfig, tablesError, tablesInstance } from '../mysql/own-tables.js';
import { errorNumberOf, isOfServer } from '../mysql/server-error.js';
import { valueText } from '../mysql/server-facts.js';
import { shareTableLink, type TableLink } from '../mysql/table-link.js';
import type { WaymarkError } from '../util/errors.js';
import { randomHex } from '../util/random.js';
import type { SharedHandle } from '../util/shared.js';

import type { Checkpoint, CheckpointStore, StoredCheckpoint } from './checkpoint.js';
import { damagedRecord, decodeCheckpoint, encodeCheckpoint, type RecordLocation } from './codec.js';
import { checkpointTableName } from './checkpoint-table.js';
import { conflictError } from './conflict.js';
import { HolderRow } from './holder-row.js';
import { Serial } from '../util/serial.js';
import { encodeStreamName } from './stream-name.js';
import { olderTokenError } from './token-guard.js';
import { UnsettledWrites } from './unsettled-writes.js';

/** Where a MySQL store keeps its record. */
export type MysqlStoreOptions = {
  readonly tables: TablesConfig;
  /** The account, unless `tables` has its own. */
  readonly account: Account;
  readonly stream: string;
};

/** The most time for a save, because tailing waits for it. */
const saveMs = 1_800;
const loadMs = 5_000;
/**
 * How often a save tries again after it has found a lost write of its own. More would be somebody else's
 * writes.
 */
const maxRounds = 3;
/** ER_DUP_ENTRY (MySQL 8.0 Error Reference; MariaDB has the same). */
const duplicateNumber = 1062;

/**
 * Stores the record in a table of a MySQL or MariaDB server: one row for the stream (see
 * checkpoint-table.ts), and one for its proved layouts. The table must exist.
 *
 * - A write names the version of the row that it replaces, and its own fencing token. One statement checks
 *   both and writes.
 * - The connection is made when it is needed, and made again after it was lost. Without a connection, `save`
 *   rejects with `checkpoint-store` within 1.8 s. It works again as soon as the server is back.
 * - If the answer to a save was lost, the next save finds that the row is our own. So this is no conflict.
 */
export function mysqlStore(options: MysqlStoreOptions): CheckpointStore {
  return new MysqlStore(options);
}

type Row = { readonly version: string; readonly token: number };

class MysqlStore implements CheckpointStore {
  readonly location: string;
  readonly layoutsLocation: string;
  droppedEntries = 0;
  readonly holderNote: HolderRow;
  readonly #options: MysqlStoreOptions;
  readonly #table: string;
  readonly #key: string;
  readonly #layoutsKey: string;
  readonly #serial = new Serial();
  readonly #unsettled = new UnsettledWrites();
  readonly #closing = new AbortController();
  #link: SharedHandle<TableLink> | null = null;

  constructor(options: MysqlStoreOptions) {
    const { tables, stream } = options;
    this.#options = options;
    this.#table = checkpointTableName(tables.schema);
    this.#key = encodeStreamName(stream);
    this.location = `mysql://${formatAddress(tables.server)}/${tables.schema}/${this.#key}`;
    // The encoded name of a stream has no slash.
    this.#layoutsKey = `${this.#key}/layouts`;
    this.layoutsLocation = `${this.location}/layouts`;
    this.holderNote = new HolderRow(this.#table, `${this.#key}/holder`, (signal, action) =>
      this.#run(loadMs, signal, action),
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closing.signal.aborted) throw this.#away('it was closed');
    if (this.#link !== null) return;
    const { tables, account } = this.#options;
    const link = shareTableLink(tablesInstance(tables, account), 'checkpoint');
    this.#link = link;
    try {
      await this.#run(loadMs, signal, (connection) => this.#row(connection));
    } catch (error) {
      this.#link = null;
      await link.release();
      throw error;
    }
  }

  load(signal: AbortSignal): Promise<StoredCheckpoint | null> {
    return this.#run(loadMs, signal, async (connection) => {
      const where = { stream: this.#options.stream, location: this.location };
      const found = await this.#read(connection, this.#key, where);
      if (found === null) return null;
      return { checkpoint: decodeCheckpoint(found.record, where), version: found.version };
    });
  }

  loadLayouts(signal: AbortSignal): Promise<Buffer | null> {
    return this.#run(loadMs, signal, async (connection) => {
      const where = { stream: this.#options.stream, location: this.layoutsLocation };
      return (await this.#read(connection, this.#layoutsKey, where))?.record ?? null;
    });
  }

  saveLayouts(record: Buffer, fencingToken: number, signal: AbortSignal): Promise<void> {
    return this.#run(saveMs, signal, async (connection) => {
      const version = randomHex(16);
      const changed = await connection.run(
        `UPDATE ${this.#table} SET version = ?, fencing_token = ?, saved_at = UTC_TIMESTAMP(6), record = ? ` +
          'WHERE stream = ? AND fencing_token <= ?',
        [version, fencingToken, record, this.#layoutsKey, fencingToken],
      );
      if (changed === 1) return;
      if (await this.#insert(connection, [this.#layoutsKey, version, fencingToken, record])) return;
      throw conflictError(this.layoutsLocation, null);
    });
  }

  async #read(
    connection: ServerConnection,
    key: string,
    where: RecordLocation,
  ): Promise<{ readonly record: Buffer; readonly version: string } | null> {
    const sql = `SELECT version, record FROM ${this.#table} WHERE stream = ?`;
    const [row] = await connection.query(sql, [key]);
    if (row === undefined) return null;
    const record: unknown = row['record'];
    if (!Buffer.isBuffer(record)) throw damagedRecord(where, 'is not a binary value');
    return { record, version: valueText(row['version']) };
  }

  save(checkpoint: Checkpoint, expected: string | null, signal: AbortSignal): Promise<string> {
    return this.#run(saveMs, signal, async (connection) => {
      const { bytes, droppedEntries } = encodeCheckpoint(checkpoint);
      let base = expected;
      for (let round = 0; round < maxRounds; round += 1) {
        const version = randomHex(16);
        const write = this.#unsettled.begin(expected, version);
        if (await this.#write(connection, { version, base, bytes, token: checkpoint.fencingToken })) {
          this.#unsettled.clear();
          this.droppedEntries = droppedEntries;
          return version;
        }
        this.#unsettled.refused(write);
        const row = await this.#row(connection);
        if (row !== null && row.version === base) {
          throw olderTokenError(checkpoint, row.token, this.location);
        }
        if (row === null || !this.#unsettled.explains(expected, row.version)) break;
        base = row.version;
      }
      throw conflictError(this.location, expected);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#away('it was closed'));
    await this.#serial.idle();
    await this.#link?.release();
    this.#link = null;
  }

  async #row(connection: ServerConnection): Promise<Row | null> {
    const sql = `SELECT version, fencing_token FROM ${this.#table} WHERE stream = ?`;
    const [row] = await connection.query(sql, [this.#key]);
    return row === undefined
      ? null
      : { version: valueText(row['version']), token: Number(valueText(row['fencing_token'])) };
  }

  /** Writes the row. Returns whether the server did it. */
  async #write(
    connection: ServerConnection,
    write: { version: string; base: string | null; bytes: Buffer; token: number },
  ): Promise<boolean> {
    const { version, base, bytes, token } = write;
    if (base === null) return this.#insert(connection, [this.#key, version, token, bytes]);
    const changed = await connection.run(
      `UPDATE ${this.#table} SET version = ?, fencing_token = ?, saved_at = UTC_TIMESTAMP(6), record = ? ` +
        'WHERE stream = ? AND version = ? AND fencing_token <= ?',
      [version, token, bytes, this.#key, base, token],
    );
    return changed === 1;
  }

  async #insert(connection: ServerConnection, values: unknown[]): Promise<boolean> {
    try {
      await connection.run(
        `INSERT INTO ${this.#table} (stream, version, fencing_token, saved_at, record) ` +
          'VALUES (?, ?, ?, UTC_TIMESTAMP(6), ?)',
        values,
      );
      return true;
    } catch (error) {
      if (errorNumberOf(error) === duplicateNumber) return false;
      throw error;
    }
  }

  /** Runs actions one after the other. Each has a time limit, which begins when its turn comes. */
  #run<T>(ms: number, signal: AbortSignal, action: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#serial.run(async () => {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (this.#link === null) throw this.#away('it is not open');
      const either = AbortSignal.any([signal, this.#closing.signal]);
      try {
        return await this.#link.value.run(ms, either, action);
      } catch (error) {
        either.throwIfAborted();
        throw isOfServer(error) ? this.#away(error) : error;
      }
    });
  }

  #away(why: WaymarkError | string): WaymarkError {
    const { server } = this.#options.tables;
    const table = this.#table;
    return tablesError('checkpoint-store', `The checkpoint store ${table}`, server, why, { table });
  }
}
