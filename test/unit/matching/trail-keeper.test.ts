import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hintFromToken } from '../../../src/hints/hint.js';
import { TrailKeeper } from '../../../src/matching/trail-keeper.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { tokenOf } from './simulated-history.js';

const somewhere = { file: 'log.000001', position: 4 };

/** Fills a keeper with a hint before each group of transactions. */
function fill(keeper: TrailKeeper, groups: readonly number[]): void {
  let digest = 0n;
  groups.forEach((size, index) => {
    keeper.hint(hintFromToken(tokenOf(index)), somewhere);
    for (let i = 0; i < size; i += 1) keeper.transaction({ digest: (digest += 1n), second: 1, origin: '' });
  });
}

function transactionsBefore(entries: readonly TrailEntry[], index: number): number {
  return entries.slice(0, index).filter(({ kind }) => kind === 'transaction').length;
}

describe('the trail', () => {
  it('has a hint once, however often a log has it: a replica that is killed can write its last one again', () => {
    const keeper = new TrailKeeper(10);
    fill(keeper, [2, 0]);
    keeper.transaction({ digest: 9n, second: 1, origin: '' });
    keeper.hint(hintFromToken(tokenOf(1)), somewhere);
    expect(keeper.anchorCount).toBe(2);
    expect(keeper.sequence).toBe(1);
    const entries = keeper.entries;
    const restored = new TrailKeeper(10);
    restored.restore(
      [...entries, { kind: 'hint', hint: hintFromToken(tokenOf(1)), coordinates: somewhere }],
      1,
    );
    expect(restored.entries).toEqual(entries);
  });

  it('keeps two hint intervals and the margin twice, begins with a hint, and not much more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        (groups, margin) => {
          const keeper = new TrailKeeper(margin);
          fill(keeper, groups);
          const { entries } = keeper;
          const total = transactionsBefore(entries, entries.length);
          const all = groups.reduce((sum, size) => sum + size, 0);
          expect(entries[0]?.kind).toBe('hint');
          expect(keeper.anchorCount).toBe(entries.filter(({ kind }) => kind === 'hint').length);
          expect(keeper.lastHint?.token).toBe(tokenOf(groups.length - 1));
          expect(keeper.sequence).toBe(groups.at(-1));
          if (total === all) return;
          // Something was dropped: what is left must suffice.
          const counting = entries.findLastIndex(
            (entry, index) =>
              entry.kind === 'hint' &&
              total - transactionsBefore(entries, index) >= margin &&
              entries.slice(index + 1).some(({ kind }) => kind === 'hint'),
          );
          expect(counting).toBeGreaterThanOrEqual(0);
          expect(transactionsBefore(entries, counting)).toBeGreaterThanOrEqual(margin);
          // And it is cut wherever it can be: the second hint would not do as the first.
          const largest = Math.max(...groups);
          expect(total).toBeLessThanOrEqual(2 * margin + 4 * largest);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts what is passed over, and does not keep it twice', () => {
    const keeper = new TrailKeeper(10);
    fill(keeper, [2]);
    keeper.passedOver();
    expect(keeper.sequence).toBe(3);
    expect(keeper.entries).toHaveLength(3);
  });

  it('goes on from a restored trail', () => {
    const first = new TrailKeeper(10);
    fill(first, [3, 2]);
    const second = new TrailKeeper(10);
    second.restore(first.entries, first.sequence);
    expect(second.entries).toEqual(first.entries);
    expect(second.sequence).toBe(2);
    expect(second.lastHint).toEqual(first.lastHint);
    second.hint(hintFromToken(tokenOf(9)), somewhere);
    expect(second.sequence).toBe(0);
  });

  it('is numbered on where it moves to another server, and as the checkpoint says where it is restored', () => {
    const other = new TrailKeeper(10);
    fill(other, [3, 2, 4]);
    const keeper = new TrailKeeper(10);
    fill(keeper, [3, 7]);
    keeper.moveTo(other.entries, other.sequence);
    expect([keeper.lastHint?.token, keeper.sequence]).toEqual([tokenOf(1), 7]);
    // An agent that led before another one did: that one has numbered on.
    keeper.restore(other.entries, other.sequence);
    expect([keeper.lastHint?.token, keeper.sequence]).toEqual([tokenOf(2), 4]);
  });

  it('gives its newest part for a record: from a hint on, with no more transactions than there is room for', () => {
    const keeper = new TrailKeeper(10);
    keeper.transaction({ digest: 99n, second: 1, origin: '' });
    fill(keeper, [3, 4, 5]);
    expect(keeper.newest(13)).toEqual(keeper.entries);
    expect(keeper.newest(12)).toEqual(keeper.entries.slice(1));
    expect(keeper.newest(9)).toEqual(keeper.entries.slice(5));
    expect(keeper.newest(8)).toEqual(keeper.entries.slice(10));
    expect(keeper.newest(4)).toEqual([]);
    expect(keeper.length).toBe(keeper.entries.length);
  });

  it('is bounded when no hint comes any more; then it says that it has none', () => {
    const keeper = new TrailKeeper(10, 100);
    fill(keeper, [1000]);
    expect(keeper.entries.length).toBeLessThanOrEqual(100);
    expect(keeper.anchorCount).toBe(0);
    expect(keeper.lastHint?.token).toBe(tokenOf(0));
    expect(keeper.sequence).toBe(1000);
  });
});

describe('the near end of a trail by hints', () => {
  const gtid = (number: number): string => `0-1-${number}`;
  const identity = (number: number) => ({ digest: BigInt(number), second: 1, origin: `g:${gtid(number)}` });

  /** Adds transactions with these numbers, each with its GTID. */
  function add(keeper: TrailKeeper, from: number, to: number): void {
    for (let number = from; number <= to; number += 1) {
      keeper.mayBegin(gtid(number), { file: 'log.000001', position: number });
      keeper.transaction(identity(number));
    }
  }

  it('begins with the newest noted GTID that is followed by the margin, wherever the trail was cut', () => {
    const keeper = new TrailKeeper(100);
    keeper.hint(hintFromToken(tokenOf(0)), somewhere);
    add(keeper, 1, 99);
    expect(keeper.near).toBeNull();
    for (let hint = 1, number = 100; number <= 2000; number += 1) {
      if (number % 300 === 0) keeper.hint(hintFromToken(tokenOf((hint += 1))), somewhere);
      add(keeper, number, number);
      const { near } = keeper;
      const [first, ...transactions] = near?.entries ?? [];
      const from = Number(near?.gtid.slice('0-1-'.length));
      // One in 64 is noted.
      expect((from - 1) % 64).toBe(0);
      expect(number - from + 1).toBeGreaterThanOrEqual(100);
      expect(number - from + 1).toBeLessThan(164);
      expect(first).toEqual({ kind: 'gtid', gtid: gtid(from), coordinates: near?.coordinates });
      expect(near?.coordinates.position).toBe(from);
      expect(transactions).toEqual(
        Array.from({ length: number - from + 1 }, (_, index) => ({
          kind: 'transaction',
          identity: identity(from + index),
        })),
      );
      // The trail itself has no GTIDs.
      if (number % 500 === 0) expect(keeper.entries.some(({ kind }) => kind === 'gtid')).toBe(false);
    }
  });

  it('is of one server, and without a gap: it begins anew after a move, and after what was passed over', () => {
    const keeper = new TrailKeeper(10);
    add(keeper, 1, 20);
    expect(keeper.near?.gtid).toBe(gtid(1));
    keeper.moveTo(keeper.entries, 20);
    expect(keeper.near).toBeNull();
    add(keeper, 21, 40);
    expect(keeper.near?.gtid).toBe(gtid(21));
    expect(keeper.near?.entries).toHaveLength(21);
    keeper.passedOver();
    expect(keeper.near).toBeNull();
    add(keeper, 41, 50);
    expect(keeper.near?.gtid).toBe(gtid(41));
  });
});
