import { formatCoordinates } from '../binlog/coordinates.js';
import { numberInDomain } from '../binlog/mariadb-gtid.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { type Inspection, inspect, isReplica } from '../mysql/inspect.js';
import type { Instance } from '../mysql/instance.js';

const inspectTimeoutMs = 2000;
const inspectAgainAfterMs = 1000;

/**
 * Answers whether what the server wrote itself is left out: yes while it replicates. Asked anew when something of
 * its own comes, because a replica that has been promoted writes history.
 */
export function ownTransactions({
  instance,
  inspection,
  signal,
}: {
  readonly instance: Instance;
  readonly inspection: Inspection;
  readonly signal: AbortSignal;
}): () => Promise<boolean> {
  let replica = isReplica(inspection);
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (replica && monotonicMs() - askedAtMs > inspectAgainAfterMs) {
      replica = isReplica(await inspect(instance, signal, inspectTimeoutMs));
      askedAtMs = monotonicMs();
    }
    return replica;
  };
}

/**
 * Notices when what was left out as a server's own is the source's after all. A MariaDB replica that is killed within an
 * ALTER finishes it when it starts again, from its DDL log, and may log it under its own server id, with the number that
 * the source gave it (seen on 10.11; MariaDB: sql/ddl_log.cc). Mostly the source's follows, under the same number. Where
 * the next number follows, the source's is not in this log; another server has it.
 */
export class RecoveredStatements {
  readonly #server: string;
  /** The file of the last transaction. */
  #file = '';
  /** The last transaction, where it was the server's own, one statement, and the first of its file. */
  #own: EndedTransaction | null = null;

  constructor(server: string) {
    this.#server = server;
  }

  /** A transaction is over. */
  ended(ended: EndedTransaction, isErrant: boolean): void {
    const isFirst = ended.start.file !== this.#file;
    this.#file = ended.start.file;
    this.#own = isErrant && isFirst && ended.statement !== null ? ended : null;
  }

  /**
   * A transaction of the source's begins.
   * @throws WaymarkError `unsupported-event` when it shows that the one before it was the source's, too.
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
