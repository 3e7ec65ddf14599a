import type { Coordinates } from '../binlog/coordinates.js';
import { type CommittedOptions, readCommitted } from '../transactions/committed-events.js';
import { statementOfOutcome } from '../binlog/query-event.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import type { TableFilter } from '../config/table-filter.js';
import { type HintFormat, hintRecogniser } from '../hints/hint.js';
import { isStatementDeliverable } from './deliverable.js';
import { ListedDigest, listedIdentity } from './listed-digest.js';
import type { HistoryStep } from './match-state.js';
import type { OwnHistory } from './own-transactions.js';
import { RecentOrigins } from './recent-origins.js';
import type { Identity } from './trail.js';

export type HistoryOptions = CommittedOptions & {
  readonly format: HintFormat;
  readonly filter: TableFilter;
  /** The server's own id if it replicates from another. */
  readonly replicaServerId: number | null;
  /** The source at `start`: the server where the last hint before it was injected. Null if not known. */
  readonly sourceServerId?: number | null;
  /**
   * Tells which of the transactions that may be errant are. Left out: they all count as errant, as is right where what
   * comes before something that was delivered was delivered, too.
   */
  readonly own?: OwnHistory | undefined;
  /** The GTIDs that anchor a trail. Each is a step of its own, before its transaction. */
  readonly anchors?: ReadonlySet<string>;
  /** Whether identities must be those that the listing of a relay log gives for the same transactions. */
  readonly listed?: boolean;
  /** Called for each transaction, also for those outside the history (empty or rolled back). */
  readonly onTransaction?: (transaction: EndedTransaction) => void;
  /** Called for a transaction that the log has had before (see RecentOrigins). It is no step. */
  readonly onRepeated?: (identity: Identity, start: Coordinates) => void;
};

/**
 * Whether a transaction may be errant: it has the id of the server, which is a replica today. If the last hint has this
 * id, too, it isn't: hints are injected on the source, so the server was the source at that time. If the last hint has
 * another id, or there is none, the server may have become the source since. Then its source can tell
 * ({@link OwnHistory}).
 */
export function mayBeErrant(
  serverId: number,
  replicaServerId: number | null,
  sourceServerId: number | null,
): boolean {
  return serverId === replicaServerId && sourceServerId !== serverId;
}

/**
 * A server's history from `start`: hints, and the identities of transactions. Rows are digested, not decoded. Each
 * batch of events yields an array of steps. An empty array says that the server sent something.
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
      const { gtid, start } = transaction;
      if (gtid !== null && options.anchors?.has(gtid) === true) {
        steps.push({ kind: 'gtid', gtid, start, end: start });
      }
      const step = stepOf(transaction, deliverable);
      deliverable = false;
      if (step) steps.push(step);
    },
  });
  const stepOf = (transaction: EndedTransaction, delivers: boolean): HistoryStep | null => {
    const { statement, start, end, serverId, gtid } = transaction;
    const digest = listed?.take();
    if (transaction.identity === null) return null;
    if (recent.has(transaction.identity)) {
      options.onRepeated?.(transaction.identity, start);
      return null;
    }
    recent.add(transaction.identity);
    const hint = statement && recognise(statement);
    if (hint) {
      sourceServerId = serverId;
      return { kind: 'hint', hint, start, end, serverId };
    }
    const identity = digest === undefined ? transaction.identity : listedIdentity(transaction.gtid, digest);
    const errant = mayBeErrant(serverId, options.replicaServerId, sourceServerId);
    return { kind: 'transaction', identity, gtid, start, end, errant, deliverable: delivers };
  };
  for await (const batch of readCommitted(options)) {
    try {
      batch.forEach(assembler.event);
    } finally {
      // The steps before an unreadable event may be all that the caller needs.
      yield await withErrantTold(steps, options.own);
    }
    steps = [];
  }
}

/** Returns the steps with what may be errant told apart. */
async function withErrantTold(steps: HistoryStep[], own: OwnHistory | undefined): Promise<HistoryStep[]> {
  if (own === undefined) return steps;
  for (const [index, step] of steps.entries()) {
    if (step.kind !== 'transaction' || !step.errant) continue;
    const { kind } = await own.judge({ gtid: step.gtid ?? null, start: step.start });
    steps[index] = { ...step, errant: kind === 'errant' };
  }
  return steps;
}

/** A place where reading can begin so that the first step is after `place`. */
export function behind(place: { readonly file: string; readonly endPosition: number }): Coordinates {
  return { file: place.file, position: place.endPosition };
}
