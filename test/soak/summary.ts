import { isMove, type LogEvent } from '../support/agent-process.js';
import type { Made } from './schedule.js';
import type { Stage } from './stage.js';
import type { Verdict } from './verdict.js';

/** How often, by name. */
type Counts = Readonly<Record<string, number>>;

/** A run in figures. */
export type Figures = {
  readonly faults: number;
  readonly faultsByKind: Counts;
  /** Kinds that couldn't be made when they were drawn, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** From one server to another. */
  readonly switches: number;
  /** Why the stream went from one server to another. */
  readonly findings: Counts;
  /** To the server that was read before. */
  readonly reconnects: number;
  /** From one agent to another, or to the same one anew. */
  readonly takeovers: number;
  /** Of all places where reading went on. */
  readonly confidence: Counts;
  /** Of switches, in milliseconds; null: there was none. */
  readonly blackoutMs: Readonly<Record<'median' | 'p99' | 'worst', number | null>>;
  /** What became of planned switches, and of replicas that were to be moved. */
  readonly orders: Counts;
  /** Those that aren't named were on servers that were not read. */
  readonly errant: { readonly written: number; readonly named: number };
  /** Ends of agents, by the fault that accounts for them. */
  readonly agentEnds: Counts;
  readonly agentStarts: number;
  /** What agents say by right where nothing can go on, and in what they don't trust. */
  readonly byDesign: Counts;
  readonly audit: Pick<Verdict, 'records' | 'rows' | 'transactions' | 'tables'>;
  /** Transactions of writers, by how they ended. */
  readonly written: Counts;
  readonly peakMegabytes: number;
  /** What agents said and may not say; places that aren't proved. */
  readonly problems: readonly string[];
};

/** Events that are no faults of the agents' where servers are lost, behind, or carry something out twice. */
const byDesign = [
  ...['candidate.behind', 'candidate.lags', 'candidate.rejected', 'failover.refused', 'stream.isolated'],
  ...['switch.refused', 'transaction.repeated', 'transaction.unproved', 'member.rebuilt', 'leader.lost'],
  ...['write.refused', 'checkpoint.failed', 'sink.recovered', 'sink.cut-off', 'hints.missing'],
];

/** Makes the figures of a run that has come to its end. */
export function figuresOf(stage: Stage, made: Made, verdict: Verdict): Figures {
  const { agents, load } = stage;
  const done = agents.events('failover.done');
  const moves = done.filter(isMove);
  // The first one of all has nothing to prove.
  const placed = agents.events('stream.started').slice(1);
  const blackouts = moves.map((event) => Number(event['blackoutMs'])).toSorted((a, b) => a - b);
  const unproved = placed.filter(({ confidence }) => confidence !== 'exact');
  const { records, rows, transactions, tables } = verdict;
  return {
    faults: [...made.counts.values()].reduce((sum, count) => sum + count, 0),
    faultsByKind: sorted(made.counts),
    skipped: Object.fromEntries(made.skipped),
    switches: moves.length,
    findings: sorted(count(moves, 'finding')),
    reconnects: done.length - moves.length,
    takeovers: Math.max(0, agents.events('leader.acquired').length - 1),
    confidence: sorted(count(placed, 'confidence')),
    blackoutMs: {
      median: quantile(blackouts, 0.5),
      p99: quantile(blackouts, 0.99),
      worst: blackouts.at(-1) ?? null,
    },
    orders: sorted(stage.orders.counts),
    errant: { written: stage.errant.length, named: stage.errant.filter(({ named }) => named).length },
    agentEnds: sorted(agents.ends),
    agentStarts: agents.starts,
    byDesign: sorted(
      new Map(byDesign.map((name) => [name, agents.events(name).length] as const).filter(([, n]) => n > 0)),
    ),
    audit: { records, rows, transactions, tables },
    written: outcomesOf(load.ledger.counts().values()),
    peakMegabytes: Math.round(agents.peakRssBytes / 2 ** 20),
    problems: [
      ...agents.problems(),
      ...unproved.map((event) => `a place that is not exact: ${JSON.stringify(event)}`),
    ],
  };
}

/** The figures as a table, for people. */
export function tableOf(figures: Figures): string {
  const { audit, blackoutMs, errant, orders } = figures;
  const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)} ms`);
  return [
    `faults        ${figures.faults}: ${listed(figures.faultsByKind)}`,
    ...Object.entries(figures.skipped).map(([name, why]) => `skipped       ${name}: ${why}`),
    `switches      ${figures.switches}, and ${figures.reconnects} reconnects; takeovers: ${figures.takeovers}`,
    `because       ${listed(figures.findings)}`,
    `orders        ${listed(orders)}`,
    `confidence    ${listed(figures.confidence)}`,
    `blackout      median ${ms(blackoutMs.median)}, 99 % ${ms(blackoutMs.p99)}, worst ${ms(blackoutMs.worst)}`,
    `errant        ${errant.written} written on replicas; named by the agents, which read there: ${errant.named}`,
    `agents        ${figures.agentStarts} starts; ends: ${listed(figures.agentEnds)}`,
    `by design     ${listed(figures.byDesign)}`,
    `audit         ${audit.records} records, ${audit.rows} rows, ${audit.transactions} transactions, ${audit.tables} tables`,
    `written       ${listed(figures.written)}`,
    `peak RSS      ${figures.peakMegabytes} MB`,
  ].join('\n');
}

function outcomesOf(kinds: Iterable<Counts>): Counts {
  const sum: Record<string, number> = {};
  for (const ends of kinds) {
    for (const [outcome, number] of Object.entries(ends)) sum[outcome] = (sum[outcome] ?? 0) + number;
  }
  return sum;
}

function count(events: readonly LogEvent[], field: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    const value = String(event[field]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** The most frequent first. */
function sorted(counts: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
}

function listed(counts: Counts): string {
  return (
    Object.entries(counts)
      .map(([name, number]) => `${name} ${number}`)
      .join(', ') || 'none'
  );
}

function quantile(ascending: readonly number[], fraction: number): number | null {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * fraction))] ?? null;
}
