import { ContentDigest, runHead } from '../transactions/content-digest.js';
import type { Coordinates } from '../binlog/coordinates.js';
import { readCommitted } from '../transactions/committed-events.js';
import { statementOfOutcome } from '../binlog/query-event.js';
import { shownText } from '../decode/statement-secrets.js';
import { TransactionAssembler } from '../transactions/transaction-assembler.js';
import type { Instance } from '../mysql/instance.js';

/** A part of a transaction for comparison: a run of changes of one kind in one table, or a statement. */
export type TransactionPart = {
  /** `shop.orders`; null for a statement. */
  readonly table: string | null;
  /** `update of shop.orders`, or the statement, for people. */
  readonly what: string;
  readonly digest: bigint;
};

/** The most parts that are compared. Transactions that agree for so long are not compared further. */
const maximumParts = 10_000;

const statementShown = 120;

/** Reads one transaction part by part, to say where it differs from another. */
export async function readParts(
  start: Coordinates,
  options: { readonly instance: Instance; readonly signal: AbortSignal },
): Promise<TransactionPart[]> {
  const parts: { table: string | null; what: string; content: ContentDigest }[] = [];
  const state = { ended: false };
  const add = (table: string | null, what: string): ContentDigest | null => {
    if (state.ended || parts.length >= maximumParts) return null;
    const last = parts.at(-1);
    if (table !== null && last?.what === what) return last.content;
    const content = new ContentDigest();
    parts.push({ table, what, content });
    return content;
  };
  const assembler = new TransactionAssembler({
    rows: (_open, { operation, columnCount, images }, name) => {
      const table = `${name.schema}.${name.table}`;
      add(table, `${operation} in ${table}`)?.rows(runHead(name, operation, columnCount), images);
    },
    statement: (_open, statement) => {
      add(null, shownText(statement).sql.slice(0, statementShown))?.statement(statement);
    },
    outcome: (_open, outcome) => {
      const statement = statementOfOutcome(outcome);
      add(null, statement.sql)?.statement(statement);
    },
    end: () => {
      state.ended = true;
    },
  });
  for await (const batch of readCommitted({ ...options, start, nonBlocking: true })) {
    batch.forEach((buffer, eventStart, end, place) => {
      if (!state.ended) assembler.event(buffer, eventStart, end, place);
    });
    if (state.ended) break;
  }
  return parts.map(({ table, what, content }) => ({ table, what, digest: content.value() }));
}

/**
 * The first part in which two transactions differ, with both versions.
 * @param byContent whether what is in the rows counts.
 */
export function firstDifference(
  a: readonly TransactionPart[],
  b: readonly TransactionPart[],
  byContent = true,
): { readonly a: TransactionPart | null; readonly b: TransactionPart | null } | null {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index] ?? null, b[index] ?? null];
    const differ = left?.what !== right?.what || (byContent && left?.digest !== right?.digest);
    if (differ) return { a: left, b: right };
  }
  return null;
}
