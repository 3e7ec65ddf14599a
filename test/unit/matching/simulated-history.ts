import type { Coordinates } from '../../../src/binlog/coordinates.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { Identity } from '../../../src/matching/trail.js';
import { type MatchOptions, TrailMatch } from '../../../src/matching/trail-match.js';
import type { HistoryStep, MatchState } from '../../../src/matching/match-state.js';
import { LookBack } from '../../../src/matching/look-back.js';
import { TrailKeeper } from '../../../src/matching/trail-keeper.js';

/** One thing in a simulated history; `name` is what tells it from its twins. */
export type Item =
  | { readonly kind: 'hint'; readonly name: string; readonly token: string }
  | {
      readonly kind: 'transaction';
      readonly name: string;
      readonly identity: Identity;
      readonly errant?: boolean;
      readonly deliverable?: boolean;
    };

/** A hint token that ascends with `number`. */
export function tokenOf(number: number): string {
  const seconds = (0x60000000 + number).toString(16).toUpperCase();
  return `asc:${seconds}:${number.toString(16).toUpperCase().padStart(16, '0')}:0000ABCD`;
}

/** A history with a hint before every `interval` transactions. `digests` gives each transaction its content. */
export function history(digests: readonly number[], interval: number, withOrigin: boolean): Item[] {
  const items: Item[] = [];
  digests.forEach((digest, index) => {
    if (index % interval === 0) {
      const token = tokenOf(index / interval);
      items.push({ kind: 'hint', name: token, token });
    }
    const origin = withOrigin ? `g:0-1-${index}` : '';
    const identity = { digest: BigInt(digest), second: 0x60000000 + Math.floor(index / 10), origin };
    items.push({ kind: 'transaction', name: `t${index}`, identity });
  });
  return items;
}

/** Moves items about so that any two that are more than `distance` apart keep their order. */
export function reorder<T>(items: readonly T[], distance: number, random: () => number): T[] {
  return items
    .map((item, index) => ({ item, at: index + random() * distance }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Item `index` stands from `index * 10` to `index * 10 + 10` in the candidate's only log file. */
function place(index: number): Coordinates {
  return { file: 'log.000001', position: 4 + index * 10 };
}

function stepOf(item: Item, index: number): HistoryStep {
  const start = place(index);
  const end = place(index + 1);
  if (item.kind === 'hint') return { kind: 'hint', hint: hintFromToken(item.token), start, end, serverId: 1 };
  return {
    kind: 'transaction',
    identity: item.identity,
    start,
    end,
    errant: item.errant ?? false,
    deliverable: item.deliverable ?? true,
  };
}

/** What a reader keeps that has delivered these items. */
export function keeperAfter(delivered: readonly Item[], margin: number): TrailKeeper {
  const keeper = new TrailKeeper(margin);
  delivered.forEach((item, index) => {
    if (item.kind === 'hint') keeper.hint(hintFromToken(item.token), place(index));
    else keeper.transaction(item.identity);
  });
  return keeper;
}

/** Matches a candidate's log with a trail, as resume.ts does; null when the candidate has none of its hints. */
export function matchCandidate(
  keeper: TrailKeeper,
  candidate: readonly Item[],
  options: MatchOptions,
): MatchState | null {
  const hints = keeper.entries.flatMap((entry) => (entry.kind === 'hint' ? [entry.hint.token] : []));
  const startIndex = candidate.findIndex((item) => item.kind === 'hint' && hints.includes(item.token));
  const startItem = candidate[startIndex];
  if (startItem?.kind !== 'hint') return null;
  let matcher = new TrailMatch(keeper.entries, startItem.token, options);
  let from = startIndex;
  if (matcher.needsLookBack) {
    const countFromFirstStep = matcher.startsAtCountingAnchor;
    matcher = new TrailMatch(keeper.entries, startItem.token, { ...options, countFromFirstStep });
    const window = new LookBack(keeper.entries, options.margin);
    candidate.slice(0, startIndex).forEach((item, index) => {
      window.step(stepOf(item, index));
    });
    const { position } = window.start(place(startIndex));
    from = candidate.findIndex((_item, index) => place(index).position === position);
  }
  let state: MatchState | null = null;
  for (let index = from; index < candidate.length; index += 1) {
    const item = candidate[index];
    if (!item) break;
    state = matcher.step(stepOf(item, index));
    if (state.status !== 'reading') return state;
  }
  return state;
}

/** The names of the transactions that a reader which goes on from a state delivers, in order. */
export function deliveredFrom(state: MatchState, candidate: readonly Item[]): string[] {
  if (state.status === 'reading') throw new Error('the match is not over');
  const { coordinates, skip } = state.resume;
  const passedOver = new Set(skip.map(({ start }) => start.position));
  return candidate.flatMap((item, index) => {
    const { position } = place(index);
    if (item.kind === 'hint' || item.errant || position < coordinates.position || passedOver.has(position))
      return [];
    return [item.name];
  });
}

export function transactionNames(items: readonly Item[]): string[] {
  return items.flatMap((item) => (item.kind === 'transaction' && !item.errant ? [item.name] : []));
}
