import type { AuditRecord } from './audit.js';
import { type Change, changeKey, type Row } from './change.js';
import { Form } from './form.js';
import type { TrueChange, Truth } from './oracle.js';
import { Replay } from './replay.js';

/** The judgement over an audit, in numbers. */
export type Verdict = {
  readonly ok: boolean;
  /** Changes of the source, and records of the audit. */
  readonly expected: number;
  readonly delivered: number;
  readonly transactions: number;
  readonly missing: number;
  /** Changes that came more often than they happened. */
  readonly doubled: number;
  /** Records of what never happened so: other values, or rows of another server. */
  readonly foreign: number;
  /** Nothing missing, doubled or foreign, and yet not in order. */
  readonly disordered: boolean;
  /** How many records were read from which server. */
  readonly servers: Readonly<Record<string, number>>;
  readonly tables: number;
  /** Everything that is wrong, for a person to debug. */
  readonly problems: readonly string[];
};

/** Shown of each kind: one mistake makes many problems. */
const shownProblems = 4;

type Delivered = {
  readonly key: string;
  readonly id: string;
  readonly server: string;
  readonly last: boolean;
};

/**
 * Holds an audit against the truth: the same changes, each once, in commit order, with the same values; ids unique;
 * transactions whole and marked as the format says; and tables made from the records are the source's tables.
 */
export async function judge(
  audit: AsyncIterable<AuditRecord> | Iterable<AuditRecord>,
  truth: Truth,
): Promise<Verdict> {
  const problems: string[] = [];
  const reporter = (): ((problem: string) => void) => {
    let shown = 0;
    return (problem) => {
      shown += 1;
      if (shown <= shownProblems) problems.push(problem);
    };
  };
  const expected = truth.changes.map(({ change }) => changeKey(change));
  const delivered: Delivered[] = [];
  const servers: Record<string, number> = {};
  const replay = new Replay();
  const form = new Form(reporter());
  for await (const record of audit) {
    const { server } = record.source;
    servers[server] = (servers[server] ?? 0) + 1;
    form.check(record, truth.changes[delivered.length]?.gtid ?? null);
    replay.apply(record);
    delivered.push({
      key: changeKey(changeOf(record)),
      id: record.id,
      server,
      last: record.tx.last === true,
    });
  }
  const counted = compare(expected, delivered);
  const first = expected.findIndex((key, index) => key !== delivered[index]?.key);
  const difference = first < 0 && delivered.length > expected.length ? expected.length : first;
  if (difference >= 0) problems.unshift(showDifference(difference, truth.changes, expected, delivered));
  checkBoundaries(truth.changes, delivered, reporter());
  replay.problems.forEach(reporter());
  replay.differences(truth.tables).forEach(reporter());
  return {
    ok: problems.length === 0,
    expected: expected.length,
    delivered: delivered.length,
    transactions: new Set(truth.changes.map(({ transaction }) => transaction)).size,
    ...counted,
    disordered: difference >= 0 && counted.missing + counted.doubled + counted.foreign === 0,
    servers,
    tables: truth.tables.size,
    problems,
  };
}

/** The verdict as text: numbers in one line, and below what is wrong. */
export function explain(verdict: Verdict): string {
  const { problems, servers, ...numbers } = verdict;
  const read = Object.entries(servers).map(([server, count]) => `${count} from ${server}`);
  return [`${JSON.stringify(numbers)} (${read.join(', ')})`, ...problems].join('\n');
}

function changeOf(record: AuditRecord): Change {
  if (record.type === 'ddl') return { type: 'ddl', sql: record.sql ?? '' };
  const { op, table, proved } = record;
  const [before, after] = [record.before, record.after].map((row) =>
    proved === false && row !== undefined ? withDocuments(row) : row,
  );
  return {
    type: 'row',
    op: op ?? 'insert',
    table: table ?? '',
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** A row whose documents stand as text, marked so. */
function withDocuments(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]): [string, unknown] => [
      name,
      name === 'doc' && typeof value === 'string' ? JSON.parse(value) : value,
    ]),
  );
}

function compare(
  expected: readonly string[],
  delivered: readonly Delivered[],
): Pick<Verdict, 'missing' | 'doubled' | 'foreign'> {
  const counts = new Map<string, number>();
  for (const key of expected) counts.set(key, (counts.get(key) ?? 0) + 1);
  let [doubled, foreign] = [0, 0];
  for (const { key } of delivered) {
    const left = counts.get(key);
    if (left === undefined) foreign += 1;
    else if (left <= 0) doubled += 1;
    else counts.set(key, left - 1);
  }
  let missing = 0;
  for (const left of counts.values()) missing += left;
  return { missing, doubled, foreign };
}

/** A transaction ends where the source's does. */
function checkBoundaries(
  changes: readonly TrueChange[],
  delivered: readonly Delivered[],
  report: (problem: string) => void,
): void {
  for (const [index, { id, last }] of delivered.entries()) {
    const here = changes[index];
    if (here === undefined) return;
    const ends = changes[index + 1]?.transaction !== here.transaction;
    if (ends !== last)
      report(
        `${id} (number ${index}): ${last ? 'ends' : "doesn't end"} a transaction, unlike the source's change`,
      );
  }
}

function showDifference(
  at: number,
  changes: readonly TrueChange[],
  expected: readonly string[],
  delivered: readonly Delivered[],
): string {
  const lines = [`the first difference is at number ${at} (from 0):`];
  for (let index = Math.max(0, at - 2); index < at + 3; index += 1) {
    const truth = changes[index];
    const got = delivered[index];
    const sign = expected[index] === got?.key ? ' ' : '!';
    lines.push(
      `${sign} ${index} expected: ${truth ? `[${truth.gtid ?? truth.transaction}] ${shorten(expected[index])}` : 'nothing more'}`,
      `${sign} ${index} got:      ${got ? `[${got.id} from ${got.server}] ${shorten(got.key)}` : 'nothing more'}`,
    );
  }
  return lines.join('\n');
}

function shorten(text = ''): string {
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
