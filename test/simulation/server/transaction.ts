import type { RowOperation } from '../../../src/binlog/rows-event.js';
import type { Gtid } from './gtids.js';
import { keyOf, nameOf, type Row, type TableDefinition } from './tables.js';

/** A row before and after its change; null where it isn't. */
export type RowChange = { readonly before: Row | null; readonly after: Row | null };

/** What a statement does to rows of a table: all in the same way. */
export type RowsStep = {
  readonly kind: 'rows';
  readonly table: TableDefinition;
  readonly operation: RowOperation;
  readonly rows: readonly RowChange[];
};

/** A statement of a transaction. */
export type Step = RowsStep | { readonly kind: 'savepoint' | 'rollback-to'; readonly name: string };

/** What is committed at once. */
export type Content =
  | {
      readonly kind: 'group';
      readonly steps: readonly Step[];
      /** `commit`: of a table without transactions, whose group has no XID. */
      readonly end: 'xid' | 'commit' | 'rollback';
      /**
       * Of one that was rolled back: whether replicas log it, too, as they do where the session's binlog_format was
       * MIXED.
       */
      readonly loggedByReplicas?: boolean;
    }
  | {
      readonly kind: 'statement';
      readonly schema: string;
      readonly sql: string;
      /** The table that it changes: what it was (null: it wasn't), and what it is. */
      readonly alters: { readonly before: TableDefinition | null; readonly after: TableDefinition } | null;
      readonly isHint: boolean;
    };

/** What stays the same of a transaction on every server. */
export type Transaction = {
  readonly content: Content;
  /** Where it was born. */
  readonly serverId: number;
  /** Seconds since 1970 when it was born. */
  readonly second: number;
  /** Microseconds since 1970 when it was committed there; MySQL alone logs it. */
  readonly committed: number;
  readonly gtid: Gtid | null;
  /** Id of the session that it was born in. */
  readonly connection: number;
};

/** The rows that a transaction has changed in the end, in order; what was rolled back is left out. */
export function effectOf(content: Content): readonly RowsStep[] {
  if (content.kind === 'statement' || content.end === 'rollback') return [];
  const kept: Step[] = [];
  for (const step of content.steps) {
    if (step.kind !== 'rollback-to') kept.push(step);
    else {
      const at = kept.findLastIndex((other) => other.kind === 'savepoint' && other.name === step.name);
      kept.length = at + 1;
    }
  }
  return kept.filter((step) => step.kind === 'rows');
}

/** What a transaction touches: two that touch the same may not change places. */
export function touchedBy({ content }: Transaction): ReadonlySet<string> {
  const touched = new Set<string>();
  if (content.kind === 'statement') {
    if (content.alters !== null) touched.add(nameOf(content.alters.after));
    return touched;
  }
  for (const step of content.steps) {
    if (step.kind !== 'rows') continue;
    for (const { before, after } of step.rows) {
      for (const row of [before, after]) if (row !== null) touched.add(`${nameOf(step.table)}/${keyOf(row)}`);
    }
  }
  return touched;
}

/** The tables whose definitions a transaction goes by. */
export function tablesOf({ content }: Transaction): ReadonlySet<string> {
  if (content.kind === 'statement') return new Set();
  return new Set(content.steps.flatMap((step) => (step.kind === 'rows' ? [nameOf(step.table)] : [])));
}
