import { formatCoordinates } from '../../binlog/coordinates.js';
import type { RegroupEntry, RegroupResult } from '../../regroup/regroup.js';
import { repointDocument } from './repoint.js';

/** The one document of `regroup --json`. */
export function regroupDocument(result: RegroupResult): Record<string, unknown> {
  const { executed, dead, target, promoted, toPromote } = result;
  return {
    state: executed ? 'done' : 'planned',
    dead,
    ...(promoted ? { promoted: target, toPromote } : {}),
    below: target,
    replicas: result.entries.flatMap((entry) =>
      entry.state === 'repointed' ? [repointDocument(entry.result)] : [],
    ),
    later: result.entries.filter(({ state }) => state === 'later'),
    lost: result.entries.flatMap((entry) =>
      entry.state === 'lost' ? [{ replica: entry.replica, code: entry.code, reason: entry.reason }] : [],
    ),
  };
}

/** What `regroup` tells a person. */
export function renderRegroup(result: RegroupResult): string {
  const { executed, dead, target, promoted } = result;
  const why = promoted ? 'one of them' : 'which lives';
  return [
    executed
      ? `DONE  ${dead} is dead; its replicas are below ${target}, ${why}.`
      : `PLAN  ${dead} is dead; its replicas go below ${target}, ${why}. Nothing has been changed.`,
    ...result.entries.map((entry) => `  ${entry.replica.padEnd(width(result))}  ${entryText(entry)}`),
    '',
    ...(executed ? afterwards(result) : ['To carry it out, run the same command with --execute.']),
  ]
    .join('\n')
    .trimEnd();
}

function width({ entries }: RegroupResult): number {
  return entries.reduce((longest, { replica }) => Math.max(longest, replica.length), 0);
}

function entryText(entry: RegroupEntry): string {
  switch (entry.state) {
    case 'lost':
      return `LOST, left alone: ${entry.reason}`;
    case 'later':
      return entry.reason;
    case 'repointed':
      break;
  }
  const { result } = entry;
  if (result.state === 'in-place') return 'is there already';
  const { to, confidence, transactionsMatched, notes } = result.plan;
  const what = result.state === 'moved' ? 'moved' : 'goes on';
  const compared = `${confidence}: ${String(transactionsMatched)} transactions compared`;
  return [`${what} at ${formatCoordinates(to)} (${compared})`, ...notes].join('; ');
}

function afterwards({ promoted, target, toPromote }: RegroupResult): string[] {
  if (!promoted) return [];
  return [
    `Left to you: make ${target} the source (${toPromote.join('; ')}), send the writers there, and inject hints there`,
    `(waymark inject --server ${target}; an injector with --pool goes there by itself).`,
  ];
}
