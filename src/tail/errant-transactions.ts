import { formatCoordinates } from '../binlog/coordinates.js';
import { numberInDomain } from '../binlog/mariadb-gtid.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import { WaymarkError } from '../util/errors.js';

/**
 * Notices if a transaction that was left out as the server's own is the source's after all. If a MariaDB replica is
 * killed within an ALTER, it finishes the ALTER from its DDL log when it starts again. It may log it under its own
 * server id, with the number that the source gave it (seen on 10.11; MariaDB: sql/ddl_log.cc). Usually the source's
 * transaction follows under the same number. If the next number follows instead, the source's transaction is not in
 * this log, only in another server's.
 */
export class RecoveredStatements {
  readonly #server: string;
  /** The log file of the last transaction. */
  #file = '';
  /** The last transaction, if it was the server's own, had one statement, and was the first in its file. */
  #own: EndedTransaction | null = null;

  constructor(server: string) {
    this.#server = server;
  }

  /** Called when a transaction has ended. */
  ended(ended: EndedTransaction, isErrant: boolean): void {
    const isFirst = ended.start.file !== this.#file;
    this.#file = ended.start.file;
    this.#own = isErrant && isFirst && ended.statement !== null ? ended : null;
  }

  /**
   * Called when a transaction of the source begins.
   * @throws WaymarkError `unsupported-event` if it shows that the transaction before was the source's, too.
   */
  begins(open: Pick<EndedTransaction, 'gtid'>): void {
    const own = this.#own;
    if (own === null) return;
    const [before, next] = [numberInDomain(own.gtid), numberInDomain(open.gtid)];
    if (before === null || next === null) return;
    if (before.domain !== next.domain || next.sequence !== before.sequence + 1n) return;
    throw new WaymarkError(
      'unsupported-event',
      `${this.#server} has ${own.gtid ?? ''} at ${formatCoordinates(own.start)} in place of the transaction that its ` +
        'source gave this number: it was killed within a statement, and finished it when it started again',
      { details: { server: this.#server, gtid: own.gtid, ...own.start } },
    );
  }
}
