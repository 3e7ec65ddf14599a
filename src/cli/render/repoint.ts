import { formatCoordinates } from '../../binlog/coordinates.js';
import type { RepointPlan } from '../../repoint/plan.js';
import type { RepointResult } from '../../repoint/repoint.js';
import { formatDuration, formatSeconds } from '../../util/quantities.js';

/** The one document of `repoint --json`. */
export function repointDocument(result: RepointResult): Record<string, unknown> {
  if (result.state === 'in-place') return result;
  const { plan, ...rest } = result;
  const { to, ...planned } = plan;
  return { ...rest, ...planned, to: { server: plan.below, ...to } };
}

/** What `repoint` tells a person. */
export function renderRepoint(result: RepointResult): string {
  switch (result.state) {
    case 'in-place':
      return `${result.replica} replicates from ${result.below} already, and both threads run: nothing to do.`;
    case 'planned':
      return [
        `PLAN  ${result.plan.replica} goes below ${result.plan.below}. Nothing has been changed.`,
        ...planLines(result.plan),
        '',
        'To carry it out, run the same command with --execute.',
      ].join('\n');
    case 'moved':
      return [
        `DONE  ${result.plan.replica} replicates from ${result.plan.below}; both threads run.`,
        ...planLines(result.plan),
        `  new hint    ${newHint(result)}`,
        `  took        ${formatDuration(result.elapsedMs)}`,
      ].join('\n');
  }
}

function planLines(plan: RepointPlan): string[] {
  const { from, to, hint, gtid, transactionsMatched, confidence } = plan;
  const [first, ...others] = plan.statements;
  return [
    `  was         below ${from.source}, at ${formatCoordinates(from)}${from.positioning === 'gtid' ? ' (by GTID)' : ''}; ${threads(from)}`,
    `  goes on     below ${plan.below}, at ${formatCoordinates(to)}${to.positioning === 'gtid' ? ' (by GTID, which leads there)' : ''}`,
    `  proof       ${confidence}: ${String(transactionsMatched)} transactions compared ${hint === null ? `from ${gtid ?? ''} on` : `after hint ${hint}`}`,
    `  statements  ${first ?? ''}`,
    ...others.map((statement) => `              ${statement}`),
    ...plan.notes.map((note) => `  note        ${note}`),
  ];
}

function threads({ running, lagSeconds }: RepointPlan['from']): string {
  if (running.receiver && running.applier) {
    return lagSeconds === null ? 'running' : `running, ${formatSeconds(lagSeconds)} behind`;
  }
  const stopped = [...(running.receiver ? [] : ['receiver']), ...(running.applier ? [] : ['applier'])];
  return `${stopped.join(' and ')} not running`;
}

function newHint({ newHint: hint, hintAwaited }: Extract<RepointResult, { state: 'moved' }>): string {
  if (hint !== null) return `${hint} has arrived`;
  if (!hintAwaited) return 'not awaited: none are injected, or the replica is delayed on purpose';
  return 'none has arrived yet. Are hints injected on the source (waymark inject)?';
}
