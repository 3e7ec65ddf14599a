import type { ChangeRecord } from '../../src/records/record.js';
import { gtidText } from './server/server.js';
import { effectOf, type Transaction } from './server/transaction.js';

/** A change as it must be delivered, or was: what is compared. */
export type Change = {
  /** Of which row, or which statement; changes of one are in order on every server. */
  readonly of: string;
  readonly text: string;
};

/** The changes of the history, in order. */
export function changesOf(history: readonly Transaction[]): Change[] {
  return history.flatMap((transaction): Change[] => {
    const { content } = transaction;
    const gtid = gtidText(transaction) ?? undefined;
    if (content.kind === 'statement') {
      return content.isHint ? [] : [statement(gtid, content.sql)];
    }
    return effectOf(content).flatMap(({ table, operation, rows }) => {
      const shown = (row: readonly unknown[] | null): object | undefined =>
        row === null
          ? undefined
          : Object.fromEntries(table.columns.map(({ name }, index) => [name, row[index]]));
      return rows.map(({ before, after }) => ({
        of: `${table.name}/${JSON.stringify((before ?? after)?.[0])}`,
        text: JSON.stringify({
          ...{ gtid, op: operation, table: table.name, before: shown(before), after: shown(after) },
        }),
      }));
    });
  });
}

/** How many changes the history has. */
export function changeCountOf(history: readonly Transaction[]): number {
  const countOf = ({ content }: Transaction): number =>
    content.kind === 'statement'
      ? Number(!content.isHint)
      : effectOf(content).reduce((sum, { rows }) => sum + rows.length, 0);
  return history.reduce((sum, transaction) => sum + countOf(transaction), 0);
}

/** A record's change. */
function changeOf(record: ChangeRecord): Change {
  const { gtid } = record.tx;
  if (record.type === 'ddl') return statement(gtid, record.sql);
  if (record.type !== 'row') return { of: record.type, text: JSON.stringify(record) };
  const before = 'before' in record ? record.before : undefined;
  const after = 'after' in record ? record.after : undefined;
  const key = (before ?? after)?.['id'];
  return {
    of: `${record.table}/${JSON.stringify(key)}`,
    text: JSON.stringify({ gtid, op: record.op, table: record.table, before, after }),
  };
}

/** A statement that makes or changes a table: those of one table are in order on every server. */
function statement(gtid: string | undefined, sql: string): Change {
  const table = /TABLE (\S+)/.exec(sql)?.[1] ?? '';
  return { of: `statements of ${table}`, text: JSON.stringify({ gtid, sql }) };
}

/** What is wrong with what was delivered. */
export type Fault = { readonly what: string; readonly evidence: readonly string[] };

/** How records are judged. */
export type Judgement = {
  /** Whether every server commits in the source's order; else changes of one row must be in theirs. */
  readonly inOrder: boolean;
  /** Whether all of the history was to be delivered; else its beginning. */
  readonly isWhole: boolean;
};

/** What is wrong with records, if the history was to be delivered, once. */
export function faultsOf(
  history: readonly Transaction[],
  records: readonly ChangeRecord[],
  { inOrder, isWhole }: Judgement,
): Fault[] {
  const faults: Fault[] = [];
  const wanted = changesOf(history);
  const found = records.map(changeOf);
  const add = (what: string, evidence: readonly string[]): void => {
    if (evidence.length > 0) faults.push({ what, evidence: evidence.slice(0, 5) });
  };
  add('ids that come twice', repeated(records.map(({ id }) => id)));
  if (isWhole) add('never delivered', without(wanted, found));
  add('delivered and not committed, or more than once', without(found, wanted));
  if (faults.length === 0)
    add('out of order', inOrder ? misplaced(wanted, found) : misplacedByRow(wanted, found));
  return faults;
}

function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => {
    const again = seen.has(id);
    seen.add(id);
    return again;
  });
}

/** What is in the one list more often than in the other. */
function without(some: readonly Change[], others: readonly Change[]): string[] {
  const counts = new Map<string, number>();
  for (const { text } of others) counts.set(text, (counts.get(text) ?? 0) + 1);
  return some.flatMap(({ text }) => {
    const left = counts.get(text) ?? 0;
    counts.set(text, left - 1);
    return left > 0 ? [] : [text];
  });
}

function misplaced(wanted: readonly Change[], found: readonly Change[]): string[] {
  const at = wanted.findIndex(({ text }, index) => index < found.length && found[index]?.text !== text);
  return at < 0 ? [] : [`${wanted[at]?.text ?? ''} where there is ${found[at]?.text ?? ''}`];
}

function misplacedByRow(wanted: readonly Change[], found: readonly Change[]): string[] {
  const [right, given] = [byRow(wanted), byRow(found)];
  return [...right].flatMap(([of, changes]) => misplaced(changes, given.get(of) ?? []));
}

function byRow(changes: readonly Change[]): Map<string, Change[]> {
  const rows = new Map<string, Change[]>();
  for (const change of changes) {
    const row = rows.get(change.of);
    if (row === undefined) rows.set(change.of, [change]);
    else row.push(change);
  }
  return rows;
}
