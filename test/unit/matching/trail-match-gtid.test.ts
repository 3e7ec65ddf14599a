import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GtidState } from '../../../src/gtids/gtid-state.js';
import { knownGtids, oldestOfDomains } from '../../../src/matching/known-gtids.js';
import type { HistoryStep, MatchState } from '../../../src/matching/match-state.js';
import { TrailKeeper } from '../../../src/matching/trail-keeper.js';
import { TrailMatch } from '../../../src/matching/trail-match.js';
import { type TrailEntry, isAnchor } from '../../../src/matching/trail.js';

/** Transactions are written as MariaDB's GTIDs; a `!` behind one means other content. */
function identityOf(text: string) {
  const gtid = text.replace('!', '');
  const digest = BigInt.asUintN(48, BigInt(`0x${Buffer.from(text).toString('hex')}`) * 0x9e3779b97f4a7c15n);
  return { gtid, identity: { digest, second: 100, origin: `g:${gtid}` } };
}

/** The trail of a reader that has delivered these, in this order. */
function trailOf(delivered: readonly string[], margin = 1_000_000): readonly TrailEntry[] {
  const keeper = new TrailKeeper(margin);
  for (const [index, text] of delivered.entries()) {
    const { gtid, identity } = identityOf(text);
    keeper.gtid(gtid, { file: 'a.1', position: index });
    keeper.transaction(identity);
  }
  return keeper.entries;
}

function stateOf(gtids: readonly string[]): GtidState {
  const state = GtidState.empty();
  for (const gtid of gtids) state.add(gtid.replace('!', ''));
  return state;
}

type Outcome = { readonly state: MatchState | null; readonly delivered: readonly string[] };

/**
 * Goes on from a trail on another server's log, as resuming and reading do: what is delivered there.
 * @param delivered what the reader has had since its beginning, which is longer than its trail.
 * @param from the index where reading begins there.
 */
function goOn(
  delivered: readonly string[],
  trail: readonly TrailEntry[],
  log: readonly string[],
  from = 0,
): Outcome {
  const all = stateOf(delivered);
  const before = from === 0 ? null : stateOf(log.slice(0, from));
  const anchors = trail.flatMap((entry) => (entry.kind === 'gtid' ? [entry.gtid] : []));
  const start = anchors.find((gtid) => log.slice(from).includes(gtid));
  if (start === undefined) return { state: null, delivered: [] };
  const matcher = new TrailMatch(trail, start, {
    ...{ ordered: true, margin: 1024 },
    known: knownGtids(trail, all, before),
  });
  let state: MatchState | null = null;
  let next = from;
  for (const [index, text] of log.entries()) {
    if (index < from) continue;
    const { gtid, identity } = identityOf(text);
    const at = { file: 'b.1', position: index };
    const end = { file: 'b.1', position: index + 1 };
    if (anchors.includes(gtid)) state = matcher.step({ kind: 'gtid', gtid, start: at, end: at });
    const step: HistoryStep = {
      ...{ kind: 'transaction', identity, gtid, start: at, end },
      ...{ errant: false, deliverable: true },
    };
    if (state?.status !== 'complete') state = matcher.step(step);
    next = index + 1;
    if (state.status !== 'reading') break;
  }
  if (state?.status !== 'complete') return { state, delivered: [] };
  const { coordinates, skip } = state.resume;
  const skipped = new Set(skip.map(({ start: { position } }) => position));
  const had = stateOf(delivered);
  const rest = log.flatMap((text, index) => {
    if (index < coordinates.position || skipped.has(index)) return [];
    if (had.hasSeveralDomains && had.has(text.replace('!', ''))) return [];
    return [text];
  });
  expect(next).toBeGreaterThan(0);
  return { state, delivered: rest };
}

const numbers = (domain: number, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${domain}-1-${first + index}`);

describe('a trail that GTIDs anchor', () => {
  test('has one before its first transaction, and then one in so many', () => {
    const anchors = trailOf(numbers(0, 1, 200)).flatMap((entry, index) =>
      isAnchor(entry) ? [[index, entry]] : [],
    );
    expect(anchors).toMatchObject([
      [0, { kind: 'gtid', gtid: '0-1-1' }],
      [65, { kind: 'gtid', gtid: '0-1-65' }],
      [130, { kind: 'gtid', gtid: '0-1-129' }],
      [195, { kind: 'gtid', gtid: '0-1-193' }],
    ]);
  });

  test('is met in a log of one order, and what follows is new', () => {
    const had = numbers(0, 1, 300);
    const { state, delivered } = goOn(had, trailOf(had, 50), [...had, '0-1-301', '0-2-302']);
    expect(state).toMatchObject({ status: 'complete', confidence: 'exact' });
    expect(delivered).toEqual(['0-1-301', '0-2-302']);
  });

  test('other content under a GTID of it is a difference, by name', () => {
    const had = numbers(0, 1, 10);
    const { state } = goOn(had, trailOf(had), [...numbers(0, 1, 4), '0-1-5!', ...numbers(0, 6, 11)]);
    expect(state).toMatchObject({
      status: 'diverged',
      missing: [{ hint: null, gtid: '0-1-1', sequence: 5 }],
    });
  });

  test('a transaction that is missing while later ones of its domain are there is a difference', () => {
    const had = numbers(0, 1, 10);
    const { state } = goOn(had, trailOf(had), [...numbers(0, 1, 4), ...numbers(0, 6, 11)]);
    expect(state).toMatchObject({ status: 'diverged', missing: [{ origin: 'g:0-1-5' }] });
  });

  test('another domain may be far behind: it is waited for, and nothing is missing', () => {
    const had = ['4-1-1', ...numbers(0, 1, 3000), '4-1-2'];
    const trail = trailOf(had);
    const log = ['4-1-1', ...numbers(0, 1, 3000), ...numbers(0, 3001, 6000)];
    expect(goOn(had, trail, log).state).toMatchObject({ status: 'reading' });
    const { state, delivered } = goOn(had, trail, [...log, '4-1-2', '4-1-3']);
    expect(state).toMatchObject({ status: 'complete', confidence: 'reordered' });
    expect(delivered).toEqual([...numbers(0, 3001, 6000), '4-1-3']);
  });

  test('what another domain has before the anchor, and was not delivered, is delivered', () => {
    const had = ['4-1-1', ...numbers(0, 1, 20)];
    const { delivered } = goOn(had, trailOf(had), ['4-1-1', '4-1-2', '4-1-3', ...numbers(0, 1, 25)]);
    expect(delivered).toEqual(['4-1-2', '4-1-3', ...numbers(0, 21, 25)]);
  });

  test('what was delivered before the trail begins does not come again', () => {
    const had = ['4-1-1', ...numbers(0, 1, 500)];
    const trail = trailOf(had, 50);
    expect(oldestOfDomains(trail)).toEqual(['0-1-320']);
    const { state, delivered } = goOn(had, trail, [...numbers(0, 1, 501), '4-1-1', '4-1-2'], 200);
    expect(state).toMatchObject({ status: 'complete' });
    expect(delivered).toEqual(['0-1-501', '4-1-2']);
  });
});

/** The same transactions in an order that keeps that of each domain. */
function interleave(domains: readonly (readonly string[])[], draws: readonly number[]): string[] {
  const left = domains.map((list) => [...list]);
  const merged: string[] = [];
  for (let draw = 0; left.some((list) => list.length > 0); draw += 1) {
    const open = left.filter((list) => list.length > 0);
    const next = open[(draws[draw % draws.length] ?? 0) % open.length]?.shift();
    if (next !== undefined) merged.push(next);
  }
  return merged;
}

test('whatever the order of the domains: everything once, nothing twice, each domain in its order', () => {
  const draws = fc.array(fc.nat(5), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
      ...[draws, draws],
      fc.nat(),
      fc.integer({ min: 1, max: 30 }),
      (sizes, one, other, cut, margin) => {
        const domains = sizes.map((size, domain) => numbers(domain, 1, size));
        const [log, candidate] = [interleave(domains, one), interleave(domains, other)];
        const had = log.slice(0, 1 + (cut % log.length));
        const trail = trailOf(had, margin);
        const { state, delivered } = goOn(had, trail, candidate);
        expect(state?.status).toBe('complete');
        expect([...had, ...delivered].toSorted()).toEqual([...log].toSorted());
        for (const [domain, whole] of domains.entries()) {
          const its = [...had, ...delivered].filter((gtid) => gtid.startsWith(`${domain}-`));
          expect(its).toEqual(whole);
        }
      },
    ),
  );
});
