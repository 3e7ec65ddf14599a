import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hintFromToken } from '../../../src/hints/hint.js';
import { isAnchor, nameOfAnchor } from '../../../src/matching/trail.js';
import { TrailKeeper } from '../../../src/matching/trail-keeper.js';
import { TrailMatch } from '../../../src/matching/trail-match.js';
import {
  deliveredFrom,
  history,
  type Item,
  keeperAfter,
  matchCandidate,
  reorder,
  tokenOf,
  transactionNames,
} from './simulated-history.js';

const runs = { numRuns: 400 };

/** A pseudo-random source that fast-check can repeat. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const seed = fc.integer({ min: 1, max: 2 ** 31 });
/** Contents repeat now and then: the same change can happen twice. */
const digests = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: 50 }), { minLength: min, maxLength: max });

describe('servers that keep the order', () => {
  const options = { ordered: true, margin: 16 };

  it('go on right behind what was delivered, exactly', () => {
    fc.assert(
      fc.property(
        digests(20, 150),
        fc.integer({ min: 2, max: 12 }),
        fc.boolean(),
        fc.nat(),
        fc.nat(),
        (contents, interval, withOrigin, cutSeed, purgeSeed) => {
          const all = history(contents, interval, withOrigin);
          const cut = 1 + (cutSeed % all.length);
          const keeper = keeperAfter(all.slice(0, cut), options.margin);
          // The candidate has purged some of its older logs, but has a hint of the trail left.
          const newest = all.findLastIndex((item, index) => index < cut && item.kind === 'hint');
          const candidate = all.slice(purgeSeed % (newest + 1));
          const state = matchCandidate(keeper, candidate, options);
          expect(state?.status).toBe('complete');
          if (state?.status !== 'complete') return;
          expect(state.confidence).toBe('exact');
          expect(state.resume.skip).toEqual([]);
          expect(state.resume.sequence).toBe(keeper.sequence);
          expect(deliveredFrom(state, candidate)).toEqual(transactionNames(all.slice(cut)));
        },
      ),
      runs,
    );
  });

  it('leave out what was born on the candidate, wherever it stands', () => {
    fc.assert(
      fc.property(
        digests(20, 80),
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.nat(),
        (contents, places, cutSeed) => {
          const all = history(contents, 5, true);
          const cut = 1 + (cutSeed % all.length);
          const candidate: Item[] = [...all];
          places.forEach((at, index) => {
            const identity = { digest: 10_000n + BigInt(index), second: 1, origin: `g:0-2-${index}` };
            candidate.splice(at % candidate.length, 0, {
              kind: 'transaction',
              name: `own${index}`,
              identity,
              errant: true,
            });
          });
          const state = matchCandidate(keeperAfter(all.slice(0, cut), options.margin), candidate, options);
          if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
          expect(state.confidence).toBe('exact');
          expect(deliveredFrom(state, candidate)).toEqual(transactionNames(all.slice(cut)));
        },
      ),
      runs,
    );
  });

  it('have what the candidate logged itself in place of its source: the same content under the same number', () => {
    fc.assert(
      fc.property(digests(20, 80), fc.nat(), fc.nat(), (contents, cutSeed, pick) => {
        // Every content once, so that nothing else can stand for what is replaced.
        const all = history(
          contents.map((_, index) => 1000 + index),
          5,
          true,
        );
        const cut = 1 + (cutSeed % all.length);
        const delivered = all.flatMap((item, index) =>
          item.kind === 'transaction' && index < cut ? [index] : [],
        );
        const at = delivered[pick % delivered.length];
        const recovered = all.map((item, index): Item =>
          index === at && item.kind === 'transaction'
            ? {
                ...item,
                identity: { ...item.identity, origin: item.identity.origin.replace('g:0-1-', 'g:0-9-') },
                errant: true,
              }
            : item,
        );
        const keeper = keeperAfter(all.slice(0, cut), options.margin);
        const state = matchCandidate(keeper, recovered, options);
        // At the log's end the source's own may still come.
        expect(state?.status).toBe(at === all.length - 1 ? 'reading' : 'complete');
        if (state?.status !== 'complete') return;
        expect(deliveredFrom(state, recovered)).toEqual(transactionNames(all.slice(cut)));
        // The next server, too, has what was delivered.
        const own = state.resume.trail.filter(
          (entry) => entry.kind === 'transaction' && entry.identity.origin.startsWith('g:0-9-'),
        );
        expect(own).toEqual([]);
      }),
      runs,
    );
  });

  it('diverge when one misses what was delivered, before anything behind it is delivered', () => {
    fc.assert(
      fc.property(
        digests(30, 120),
        fc.integer({ min: 2, max: 8 }),
        fc.nat(),
        fc.nat(),
        (contents, interval, cutSeed, dropSeed) => {
          // Every content once, so that nothing else can stand for what is dropped.
          const all = history(
            contents.map((_, index) => 1000 + index),
            interval,
            true,
          );
          const cut = interval + 2 + (cutSeed % (all.length - interval - 2));
          const keeper = keeperAfter(all.slice(0, cut), options.margin);
          const kept = keeper.entries.filter((entry) => entry.kind === 'transaction');
          const victim = kept[dropSeed % kept.length]?.identity.digest;
          const candidate = all.filter((item) => item.kind === 'hint' || item.identity.digest !== victim);
          const state = matchCandidate(keeper, candidate, options);
          expect(state?.status).not.toBe('complete');
          const more = candidate.slice(all.slice(0, cut).length).some((item) => item.kind === 'hint');
          if (more) expect(state?.status).toBe('diverged');
          if (state?.status !== 'diverged') return;
          expect(state.missing[0]?.digest).toBe(victim?.toString(16).padStart(16, '0'));
        },
      ),
      runs,
    );
  });

  it('diverge when the same transaction has other content, and say so', () => {
    const all = history([1, 2, 3, 4, 5, 6, 7, 8], 4, true);
    const candidate = all.map((item): Item =>
      item.kind === 'transaction' && item.name === 't5'
        ? { ...item, identity: { ...item.identity, digest: 99n } }
        : item,
    );
    const state = matchCandidate(keeperAfter(all, 16), candidate, options);
    expect(state).toMatchObject({
      status: 'diverged',
      missing: [{ origin: 'g:0-1-5', sequence: 2 }],
      otherContent: { origin: 'g:0-1-5', digest: '0000000000000063' },
    });
  });

  it('deliver a transaction that the server before did not have', () => {
    const all = history([1, 2, 3, 4, 5, 6, 7, 8], 4, true);
    const extra: Item = {
      kind: 'transaction',
      name: 'extra',
      identity: { digest: 500n, second: 5, origin: 'g:0-9-1' },
    };
    const candidate = [...all.slice(0, 4), extra, ...all.slice(4)];
    const state = matchCandidate(keeperAfter(all, 16), candidate, options);
    if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
    expect(state.confidence).toBe('reordered');
    expect(state.evidence.additional).toBe(1);
    expect(deliveredFrom(state, candidate)).toEqual(['extra']);
  });

  it('wait for a candidate that has the hint and not yet the rest', () => {
    const all = history([1, 2, 3, 4, 5, 6, 7, 8], 4, true);
    const state = matchCandidate(keeperAfter(all, 16), all.slice(0, 5), options);
    expect(state).toMatchObject({ status: 'reading', evidence: { transactionsMatched: 4, hintsMatched: 1 } });
  });
});

describe('servers that commit out of order', () => {
  const distance = 6;
  // Two orders, each moved by `distance` against the source's, and hints among the transactions.
  const options = { ordered: false, margin: 4 * distance };

  const outOfOrder = (
    contents: readonly number[],
    withOrigin: boolean,
    cutSeed: number,
    random: number,
  ): { all: Item[]; delivered: Item[]; candidate: Item[] } => {
    // Twins without a mark of origin can't be told apart: where the order isn't kept either (MySQL 5.7 without GTIDs
    // and with parallel appliers), a match may wait or diverge for nothing. With different contents it must not.
    const all = history(withOrigin ? contents : contents.map((_, index) => 1000 + index), 7, withOrigin);
    const next = randomOf(random);
    const old = reorder(all, distance, next);
    const candidate = reorder(all, distance, next);
    const firstHint = old.findIndex((item) => item.kind === 'hint');
    const cut = Math.min(old.length, firstHint + 1 + (cutSeed % old.length));
    return { all, delivered: old.slice(0, cut), candidate };
  };

  it('lose nothing and repeat nothing', () => {
    fc.assert(
      fc.property(digests(20, 300), fc.boolean(), fc.nat(), seed, (contents, withOrigin, cutSeed, random) => {
        const { all, delivered, candidate } = outOfOrder(contents, withOrigin, cutSeed, random);
        const state = matchCandidate(keeperAfter(delivered, options.margin), candidate, options);
        if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
        const everything = [...transactionNames(delivered), ...deliveredFrom(state, candidate)];
        // Twins (same content, same second, no origin) may stand for each other.
        const key = new Map(
          all.flatMap((item) =>
            item.kind === 'transaction'
              ? [[item.name, `${item.identity.digest}/${item.identity.second}/${item.identity.origin}`]]
              : [],
          ),
        );
        const keys = (names: readonly string[]): string[] =>
          names.map((name) => key.get(name) ?? '').toSorted();
        expect(keys(everything)).toEqual(keys(transactionNames(all)));
      }),
      { numRuns: 1500 },
    );
  });

  it('keep what a log that has begun late lacks of the trail, for the server after that', () => {
    const all = history(
      Array.from({ length: 60 }, (_, index) => 1000 + index),
      7,
      true,
    );
    const before = keeperAfter(all, options.margin);
    const begun = all.findLastIndex((item) => item.kind === 'hint');
    const state = matchCandidate(before, all.slice(begun - 3), options);
    if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
    const named = ({ entries }: Pick<TrailKeeper, 'entries'>): string[] =>
      entries.map((entry) => (isAnchor(entry) ? nameOfAnchor(entry) : entry.identity.origin)).toSorted();
    expect(named({ entries: [...state.resume.trail] })).toEqual(named(before));
  });

  it('repeat nothing behind one whose log has begun late, on a third one', () => {
    let late = 0;
    fc.assert(
      fc.property(digests(60, 300), fc.nat(), fc.nat(), seed, (contents, cutSeed, lateSeed, random) => {
        const { all, delivered, candidate } = outOfOrder(contents, true, cutSeed, random);
        const begunLate = candidate.slice(lateSeed % candidate.length);
        const between = matchCandidate(keeperAfter(delivered, options.margin), begunLate, options);
        if (between?.status !== 'complete') return;
        late += 1;
        const keeper = new TrailKeeper(options.margin);
        keeper.restore(between.resume.trail, between.resume.sequence);
        const third = reorder(all, distance, randomOf(random + 1));
        const state = matchCandidate(keeper, third, options);
        if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
        const everything = [...transactionNames(delivered), ...deliveredFrom(state, third)];
        expect(everything.toSorted()).toEqual(transactionNames(all).toSorted());
      }),
      { numRuns: 1500 },
    );
    expect(late).toBeGreaterThan(100);
  });

  it('are reported as reordered when they are, and as exact when they are not', () => {
    fc.assert(
      fc.property(digests(20, 150), fc.nat(), (contents, cutSeed) => {
        const all = history(contents, 7, true);
        const delivered = all.slice(0, 1 + (cutSeed % all.length));
        const state = matchCandidate(keeperAfter(delivered, options.margin), all, options);
        expect(state).toMatchObject({ status: 'complete', confidence: 'exact' });
      }),
      runs,
    );
    const all = history([1, 2, 3, 4, 5, 6], 3, true);
    const swapped = [all[0]!, all[2]!, all[1]!, ...all.slice(3)];
    const state = matchCandidate(keeperAfter(all, options.margin), swapped, options);
    expect(state).toMatchObject({ status: 'complete', confidence: 'reordered' });
  });

  it('would lose rows if reading went on right behind the hint alone', () => {
    // Old server: t0 | hint | t1; candidate: t1 | hint | t0. Behind the hint alone, t0 comes twice and t1 never.
    const hint: Item = { kind: 'hint', name: tokenOf(1), token: tokenOf(1) };
    const [first, t0, t1, t2] = history([1, 2, 3], 10, true);
    const old = [first!, t0!, hint];
    const candidate = [first!, t1!, hint, t0!, t2!];
    const state = matchCandidate(keeperAfter(old, options.margin), candidate, options);
    if (state?.status !== 'complete') throw new Error(`is ${state?.status ?? 'nothing'}`);
    expect(deliveredFrom(state, candidate)).toEqual(['t1', 't2']);
  });

  it('diverge when a delivered transaction does not come within the margin', () => {
    fc.assert(
      fc.property(fc.nat(), seed, (dropSeed, random) => {
        const contents = Array.from({ length: 400 }, (_, index) => 1000 + index);
        const { delivered, candidate } = outOfOrder(contents, true, 250, random);
        const keeper = keeperAfter(delivered, options.margin);
        // What must be there: behind the counting hint, which has the margin behind it and is the newest such.
        const required = keeper.entries.slice(-options.margin);
        const transactions = required.filter((entry) => entry.kind === 'transaction');
        const victim = transactions[dropSeed % transactions.length]?.identity.digest;
        const without = candidate.filter((item) => item.kind === 'hint' || item.identity.digest !== victim);
        const state = matchCandidate(keeper, without, options);
        expect(state?.status).toBe('diverged');
        if (state?.status !== 'diverged') return;
        const missing = state.missing.map(({ digest }) => digest);
        expect(missing).toContain(victim?.toString(16).padStart(16, '0'));
      }),
      runs,
    );
  });
});

it('refuses to begin at a hint that the trail does not have', () => {
  expect(() => new TrailMatch([], tokenOf(1), { ordered: true, margin: 1 })).toThrow(RangeError);
});

describe('the ids of what is delivered', () => {
  const distance = 6;
  const options = { ordered: false, margin: 4 * distance };

  /** As the tail numbers what it reads: hint and number since it. */
  function read(keeper: TrailKeeper, items: readonly Item[], passedOver: ReadonlySet<string>): string[] {
    return items.flatMap((item, index) => {
      if (item.kind === 'hint') {
        keeper.hint(hintFromToken(item.token), { file: 'log.000001', position: 4 + index });
        return [];
      }
      if (passedOver.has(item.name)) {
        keeper.passedOver();
        return [];
      }
      keeper.transaction(item.identity);
      return [`${keeper.lastHint?.token ?? '-'}/${keeper.sequence}`];
    });
  }

  it('never come twice, from however many servers with other orders it was read, also over restarts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 250 }),
        seed,
        fc.array(fc.record({ length: fc.integer({ min: 1, max: 40 }), restart: fc.boolean() }), {
          minLength: 2,
          maxLength: 5,
        }),
        (count, random, legs) => {
          const next = randomOf(random);
          const all = history(
            Array.from({ length: count }, (_, index) => index + 1),
            7,
            true,
          );
          let keeper = new TrailKeeper(options.margin);
          const ids: string[] = [];
          const names: string[] = [];
          for (const [leg, { length, restart }] of legs.entries()) {
            const log = reorder(all, distance, next);
            let from = 0;
            let passedOver = new Set<string>();
            if (leg > 0) {
              const state = matchCandidate(keeper, log, options);
              if (state === null) return;
              if (state.status !== 'complete') throw new Error(`is ${state.status}`);
              const { coordinates, trail, sequence, skip } = state.resume;
              if (restart) {
                const { entries, sequence: stored, lastHint } = keeper;
                keeper = new TrailKeeper(options.margin);
                keeper.restore(entries, stored, lastHint);
              }
              keeper.moveTo(trail, sequence);
              from = (coordinates.position - 4) / 10;
              passedOver = new Set(skip.map(({ start }) => log[(start.position - 4) / 10]?.name ?? ''));
            }
            const stretch = log.slice(from, from + length + distance + passedOver.size);
            ids.push(...read(keeper, stretch, passedOver));
            names.push(...transactionNames(stretch).filter((name) => !passedOver.has(name)));
          }
          expect(new Set(names).size).toBe(names.length);
          expect(ids).toHaveLength(names.length);
          expect(new Set(ids).size).toBe(ids.length);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
