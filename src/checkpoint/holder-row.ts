import type { ServerConnection } from '../mysql/connection.js';
import { errorNumberOf } from '../mysql/server-error.js';
import { valueText } from '../mysql/server-facts.js';
import { uptimeMs } from '../util/clock.js';
import { type Holder, parseHolder } from '../util/lock-holder.js';
import type { FoundHolder, HolderNote } from './holder-note.js';

/** Runs an action on the server within a time limit. */
type Run = <T>(signal: AbortSignal, action: (connection: ServerConnection) => Promise<T>) => Promise<T>;

/** A row as it was seen. Each sign of life changes `sign`. */
type Seen = { readonly nonce: string; readonly sign: string; readonly sinceMs: number };

/** A holder without a sign of life for this long loses the row. Claims come every two seconds. */
const timeoutMs = 10_000;
/** How often a claim tries again after somebody else has changed the row. */
const maxRounds = 3;
/** ER_DUP_ENTRY (MySQL 8.0 Error Reference; MariaDB has the same). */
const duplicateNumber = 1062;
/** The nonce of a row that nobody holds. */
const nobody = '';

/**
 * The note as a row in the checkpoints' table (see checkpoint-table.ts). `version` is the holder's nonce,
 * `record` names the holder, `saved_at` is its last sign of life. A holder lives if `saved_at` changes within
 * a time measured by our own clock: the server's clock may be set.
 */
export class HolderRow implements HolderNote {
  readonly #table: string;
  readonly #key: string;
  readonly #run: Run;
  #seen: Seen | null = null;

  constructor(table: string, key: string, run: Run) {
    this.#table = table;
    this.#key = key;
    this.#run = run;
  }

  claim(me: Holder, signal: AbortSignal): Promise<FoundHolder | null> {
    return this.#run(signal, async (connection) => {
      for (let round = 0; round < maxRounds; round += 1) {
        if ((await this.#take(connection, me)) || (await this.#insert(connection, me))) {
          this.#seen = null;
          return null;
        }
        const row = await this.#read(connection);
        if (row !== null && row.nonce !== nobody) return { holder: row.holder, waitMs: this.#watch(row) };
      }
      return { holder: null, waitMs: timeoutMs };
    });
  }

  look(signal: AbortSignal): Promise<FoundHolder | null> {
    return this.#run(signal, async (connection) => {
      const row = await this.#read(connection);
      if (row === null || row.nonce === nobody || row.ageMs > timeoutMs) return null;
      return { holder: row.holder, waitMs: this.#watch(row) };
    });
  }

  clear({ nonce }: Holder, signal: AbortSignal): Promise<void> {
    return this.#run(signal, async (connection) => {
      const sql = `UPDATE ${this.#table} SET version = ?, saved_at = UTC_TIMESTAMP(6) WHERE stream = ? AND version = ?`;
      await connection.run(sql, [nobody, this.#key, nonce]);
    });
  }

  /**
   * Takes our own row, a row that nobody holds, or one whose holder has been silent for too long. Returns
   * whether it did.
   */
  async #take(connection: ServerConnection, me: Holder): Promise<boolean> {
    const isSilent = this.#seen !== null && uptimeMs() - this.#seen.sinceMs >= timeoutMs;
    const silent = isSilent ? this.#seen : null;
    const changed = await connection.run(
      `UPDATE ${this.#table} SET version = ?, saved_at = UTC_TIMESTAMP(6), record = ? WHERE stream = ? AND ` +
        `(version IN (?, ?)${silent === null ? '' : ' OR version = ? AND saved_at = ?'})`,
      [
        ...[me.nonce, Buffer.from(JSON.stringify(me), 'utf8'), this.#key, me.nonce, nobody],
        ...(silent === null ? [] : [silent.nonce, silent.sign]),
      ],
    );
    return changed === 1;
  }

  /** Inserts our row. Returns false if there is one already. */
  async #insert(connection: ServerConnection, me: Holder): Promise<boolean> {
    try {
      await connection.run(
        `INSERT INTO ${this.#table} (stream, version, fencing_token, saved_at, record) ` +
          'VALUES (?, ?, 0, UTC_TIMESTAMP(6), ?)',
        [this.#key, me.nonce, Buffer.from(JSON.stringify(me), 'utf8')],
      );
      return true;
    } catch (error) {
      if (errorNumberOf(error) === duplicateNumber) return false;
      throw error;
    }
  }

  async #read(
    connection: ServerConnection,
  ): Promise<{ nonce: string; sign: string; ageMs: number; holder: Holder | null } | null> {
    const [row] = await connection.query(
      'SELECT version, record, CAST(saved_at AS CHAR) AS sign, ' +
        `TIMESTAMPDIFF(MICROSECOND, saved_at, UTC_TIMESTAMP(6)) AS age FROM ${this.#table} WHERE stream = ?`,
      [this.#key],
    );
    if (row === undefined) return null;
    const record: unknown = row['record'];
    return {
      nonce: valueText(row['version']),
      sign: valueText(row['sign']),
      ageMs: Number(valueText(row['age'])) / 1_000,
      holder: Buffer.isBuffer(record) ? parseHolder(record.toString('utf8')) : null,
    };
  }

  /** Returns how long it takes to find out whether a row's holder lives. 0: it lives. */
  #watch({ nonce, sign }: { readonly nonce: string; readonly sign: string }): number {
    const seen = this.#seen;
    if (seen?.nonce === nonce && seen.sign !== sign) return 0;
    this.#seen = seen?.nonce === nonce ? seen : { nonce, sign, sinceMs: uptimeMs() };
    return Math.max(1, timeoutMs - (uptimeMs() - this.#seen.sinceMs));
  }
}
