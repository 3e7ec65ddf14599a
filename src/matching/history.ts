import type { Coordinates } from '../binlog/coordinates.js';
import { readCommitted } from '../binlog/committed-events.js';
import type { DumpOptions } from '../binlog/dump-stream.js';
import { statementOfOutcome } from '../binlog/query-event.js';
import type { EndedTransaction } from '../binlog/transaction.js';
import { TransactionAssembler } from '../binlog/transaction-assembler.js';
import type { TableFilter } from '../config/table-filter.js';
import { type HintFormat, hintRecogniser } from '../hints/hint.js';
import { isStatementDeliverable } from './deliverable.js';
import { ListedDigest, listedIdentity } from './listed-digest.js';
import type { HistoryStep } from './match-state.js';
import { RecentOrigins } from './recent-origins.js';

export type HistoryOptions = Omit<DumpOptions, 'verifyChecksums'> & {
  readonly format: HintFormat;
  readonly filter: TableFilter;
  /** The server's own id if it replicates from another. */
  readonly replicaServerId: number | null;
  /** Who the source was at `start`: the server where the last hint before it was injected; null: not known. */
  readonly sourceServerId?: number | null;
  /** Identities are to be those that a relay log's listing tells of the same transactions. */
  readonly listed?: boolean;
  /** Called for each transaction, also for those that are no part of the history (nothing in them, rolled back). */
  readonly onTransaction?: (transaction: EndedTransaction) => void;
};

/**
 * Whether something with the server's own id is no part of the history: it was written there while the server was a
 * replica. A hint is injected on the source; so where the last one was born on this very server, it was the source
 * itself at that time, and what it wrote is the history, although it replicates from another today.
 */
export function isBornOnReplica(
  serverId: number,
  replicaServerId: number | null,
  sourceServerId: number | null,
): boolean {
  return serverId === replicaServerId && sourceServerId !== serverId;
}

/**
 * A server's history from `start` on, a batch of steps for each batch of events: hints and the identities of
 * transactions, rows digested and not decoded. Steps of one batch come as an array, and an empty one says that the
 * server was heard from.
 * @throws what readCommitted and the TransactionAssembler throw.
 */
export async function* readHistory(options: HistoryOptions): AsyncGenerator<HistoryStep[], void, undefined> {
  const recognise = hintRecogniser(options.format);
  let steps: HistoryStep[] = [];
  const listed = options.listed === true ? new ListedDigest() : null;
  let deliverable = false;
  let sourceServerId = options.sourceServerId ?? null;
  const recent = new RecentOrigins();
  const assembler = new TransactionAssembler({
    rows: (_open, { operation }, name) => {
      listed?.rows(operation, name);
      deliverable ||= options.filter.table(name.schema, name.table);
    },
    statement: (_open, statement) => {
      listed?.statement(statement);
      deliverable ||= isStatementDeliverable(statement, options.filter);
    },
    outcome: (_open, outcome) => {
      listed?.statement(statementOfOutcome(outcome));
      deliverable = true;
    },
    end: (transaction) => {
      options.onTransaction?.(transaction);
      const step = stepOf(transaction, deliverable);
      deliverable = false;
      if (step) steps.push(step);
    },
  });
  const stepOf = (transaction: EndedTransaction, delivers: boolean): HistoryStep | null => {
    const { statement, start, end, serverId } = transaction;
    const digest = listed?.take();
    if (transaction.identity === null || recent.has(transaction.identity)) return null;
    recent.add(transaction.identity);
    const hint = statement && recognise(statement);
    if (hint) {
      sourceServerId = serverId;
      return { kind: 'hint', hint, start, end, serverId };
    }
    const identity = digest === undefined ? transaction.identity : listedIdentity(transaction.gtid, digest);
    const bornHere = isBornOnReplica(serverId, options.replicaServerId, sourceServerId);
    return { kind: 'transaction', identity, start, end, bornHere, deliverable: delivers };
  };
  for await (const batch of readCommitted(options)) {
    try {
      batch.forEach(assembler.event);
    } finally {
      // What stands before an event that can't be read may be all that is looked for.
      yield steps;
    }
    steps = [];
  }
}

/** The place in a history where reading can begin so that the next thing seen is behind `place`. */
export function behind(place: { readonly file: string; readonly endPosition: number }): Coordinates {
  return { file: place.file, position: place.endPosition };
}
