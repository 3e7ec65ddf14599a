import { isMove, type LogEvent } from '../support/agent-process.js';
import type { ScheduledStream } from './schedule.js';
import type { Stage } from './stage.js';
import type { Verdict } from './verdict.js';

/** A run in figures. */
export type Summary = {
  readonly text: string;
  /** What the agents said of themselves and may not say. */
  readonly problems: readonly string[];
  readonly peakRssBytes: number;
};

/** Makes the summary of a run that has come to its end. */
export function summarize({ agent, load }: Stage, carried: ScheduledStream, verdict: Verdict): Summary {
  const done = agent.events('failover.done');
  const moves = done.filter(isMove);
  const placed = [...done, ...restartsOf(agent.processes)];
  const blackouts = moves.map((event) => Number(event['blackoutMs'])).toSorted((a, b) => a - b);
  const peakRssBytes = Math.max(0, ...agent.processes.map((process) => process.peakRssBytes));
  const lines = [
    `faults        ${figures(carried.made)}`,
    ...[...carried.skipped].map(([name, why]) => `skipped       ${name}: ${why}`),
    `agent         ${agent.processes.length} starts; ends: ${figures(agent.ends)}`,
    `switches      ${moves.length}, and ${done.length - moves.length} reconnects; confidence: ${figures(count(placed, 'confidence'))}`,
    `blackout      median ${quantile(blackouts, 0.5)}, p99 ${quantile(blackouts, 0.99)}, worst ${quantile(blackouts, 1)}`,
    `audit         ${verdict.records} records, ${verdict.rows} rows, ${verdict.transactions} transactions, ${verdict.tables} tables`,
    ...[...load.ledger.counts()].map(
      ([kind, ends]) =>
        `written       ${kind}: ${figures(new Map(Object.entries(ends).filter(([, n]) => n > 0)))}`,
    ),
    `peak RSS      ${Math.round(peakRssBytes / 2 ** 20)} MB`,
    `verdict       ${verdict.problems.length === 0 ? 'every change once, in order; nothing that was rolled back' : 'WRONG'}`,
  ];
  const unproved = placed.filter(({ confidence }) => confidence !== 'exact');
  return {
    text: lines.join('\n'),
    problems: unproved.map((event) => `a place that is not exact: ${JSON.stringify(event)}`),
    peakRssBytes,
  };
}

/** Where an agent that isn't the first found its place. */
function restartsOf(processes: Stage['agent']['processes']): LogEvent[] {
  return processes.slice(1).flatMap((process) => process.all('stream.started').slice(0, 1));
}

function count(events: readonly LogEvent[], field: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    const value = String(event[field]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function figures(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, number]) => `${name} ${number}`).join(', ') || 'none';
}

function quantile(sorted: readonly number[], fraction: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))];
  return value === undefined ? '-' : `${Math.round(value)} ms`;
}
