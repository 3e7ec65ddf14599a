import { describe, expect, test } from 'vitest';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { HistoryStep } from '../../../src/matching/match-state.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { PairLedger } from '../../../src/shadow/pair-ledger.js';
import { Random } from '../../support/random.js';
import { history, type Item, reorder } from '../matching/simulated-history.js';

const margin = 16;

function place(index: number) {
  return { file: 'log.000001', position: 4 + index * 10 };
}

function stepOf(item: Item, index: number): HistoryStep {
  const [start, end] = [place(index), place(index + 1)];
  if (item.kind === 'hint') return { kind: 'hint', hint: hintFromToken(item.token), start, end, serverId: 1 };
  const { identity, errant = false, deliverable = true } = item;
  return { kind: 'transaction', identity, start, end, errant, deliverable };
}

function entryOf(item: Item): TrailEntry {
  if (item.kind === 'transaction') return { kind: 'transaction', identity: item.identity };
  return { kind: 'hint', hint: hintFromToken(item.token), coordinates: place(0) };
}

/** What makes two items alike. */
function likeness(item: Item): string {
  if (item.kind === 'hint') return item.token;
  const { digest, second, origin } = item.identity;
  return `${digest} ${second} ${origin}`;
}

function begun(ordered: boolean): PairLedger {
  return new PairLedger({
    resume: { coordinates: place(0), trail: [], sequence: 0, sourceServerId: null, skip: [] },
    ...{ anchors: 'hint', ordered, margin, wasDelivered: () => false },
  });
}

/** Both sides come in turns that the random source draws. After each, `look` sees how far each has come. */
function play(
  ledger: PairLedger,
  stream: readonly Item[],
  shadow: readonly Item[],
  random: Random,
  look: (delivered: number, read: number) => void,
): void {
  let [delivered, read] = [0, 0];
  while (delivered < stream.length || read < shadow.length) {
    const count = random.between(1, 8);
    if (random.chance(0.5)) {
      for (const item of stream.slice(delivered, delivered + count)) ledger.delivered(entryOf(item));
      delivered = Math.min(delivered + count, stream.length);
    } else {
      for (const [at, item] of shadow.slice(read, read + count).entries())
        ledger.read(stepOf(item, read + at));
      read = Math.min(read + count, shadow.length);
    }
    look(delivered, read);
  }
}

/** What is delivered in the end if the stream goes over now, by likeness. */
function outcomeOf(
  ledger: PairLedger,
  delivered: readonly Item[],
  shadow: readonly Item[],
): Map<string, number> | null {
  const { resume } = ledger;
  if (resume === null) return null;
  const counts = new Map<string, number>();
  const add = (item: Item): void => {
    counts.set(likeness(item), (counts.get(likeness(item)) ?? 0) + 1);
  };
  for (const item of delivered) add(item);
  const skipped = new Set(resume.skip.map(({ start }) => start.position));
  const hints = new Set(delivered.map((item) => (item.kind === 'hint' ? item.token : '')));
  shadow.forEach((item, index) => {
    if (place(index).position < resume.coordinates.position) return;
    // The stream passes over a hint that its trail has.
    if (skipped.has(place(index).position) || (item.kind === 'hint' && hints.has(item.token))) return;
    add(item);
  });
  return counts;
}

describe.each([
  ['one order', true, 0],
  ['orders that differ', false, margin / 2],
] as const)('%s', (_name, ordered, distance) => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed + 1))(
    'seed %i: at any moment, all of it is delivered exactly once',
    (seed) => {
      const random = new Random(seed);
      // Few contents, so that there are many twins.
      const contents = random.between(1, 200);
      const digests = Array.from({ length: 200 }, () => random.between(1, contents));
      const items = history(digests, random.between(5, 50), random.chance(0.5));
      const fraction = (): number => random.fraction();
      const stream = reorder(items, distance, fraction);
      const shadow = reorder(items, distance, fraction);
      const truth = outcomeOf(begun(ordered), [], shadow);
      const ledger = begun(ordered);
      let proved = 0;
      play(ledger, stream, shadow, random, (delivered, read) => {
        expect(ledger.difference).toBeNull();
        const outcome = outcomeOf(ledger, stream.slice(0, delivered), shadow);
        if (outcome === null) return;
        proved += 1;
        expect(outcome).toEqual(truth);
        expect(ledger.place.position).toBeLessThanOrEqual(place(read).position);
      });
      expect(proved).toBeGreaterThan(0);
      expect(ledger.resume?.coordinates).toEqual(place(shadow.length));
      expect(ledger.behind + ledger.ahead).toBe(0);
      if (ordered) expect(ledger.confidence).toBe('exact');
    },
  );

  test.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
    'seed %i: a transaction that only one of them has is noticed, and never delivered twice or lost before',
    (seed) => {
      const random = new Random(seed);
      const digests = Array.from({ length: 200 }, (_, index) => index);
      const items = history(digests, random.between(5, 50), true);
      const fraction = (): number => random.fraction();
      const stream = reorder(items, distance, fraction);
      const intact = reorder(items, distance, fraction);
      const at = random.between(0, 100);
      const planted = random.pick(['missing', 'extra', 'changed'] as const);
      const shadow = intact.flatMap((item, index): Item[] => {
        if (index !== at || item.kind === 'hint') return [item];
        const other = { ...item.identity, digest: 999n };
        switch (planted) {
          case 'missing':
            return [];
          case 'extra':
            return [{ ...item, identity: { ...other, origin: 'g:0-1-999' } }, item];
          case 'changed':
            return [{ ...item, identity: other }];
        }
      });
      if (shadow.every((item, index) => item === intact[index])) return;
      const ledger = begun(ordered);
      play(ledger, stream, shadow, random, () => undefined);
      expect(ledger.difference).not.toBeNull();
      expect(ledger.resume).toBeNull();
    },
  );
});

test('what is the server’s own is passed over, and a statement that changed nothing there isn’t waited for', () => {
  const [hint, first, second] = history([1, 2], 10, true);
  const statement = { digest: (2n << 62n) | 7n, second: 1, origin: 'g:0-1-50' };
  const ledger = begun(true);
  const own: Item = {
    kind: 'transaction',
    name: 'own',
    errant: true,
    identity: { digest: 5n, second: 1, origin: 'g:0-2-9' },
  };
  for (const [index, item] of [hint!, own, first!].entries()) ledger.read(stepOf(item, index));
  for (const item of [hint!, first!]) ledger.delivered(entryOf(item));
  expect(ledger.resume?.coordinates).toEqual(place(3));
  ledger.delivered({ kind: 'transaction', identity: statement });
  expect(ledger.resume).toBeNull();
  ledger.delivered(entryOf(second!));
  ledger.read(stepOf(second!, 3));
  expect(ledger.resume?.coordinates).toEqual(place(4));
  expect(ledger.confidence).toBe('unverified');
});

test('what looks like the server’s own stays before the place until the stream has delivered what comes later', () => {
  const [hint, first, second] = history([1, 2], 10, true);
  const own: Item = { ...(second as Item & { kind: 'transaction' }), errant: true };
  const ledger = begun(true);
  for (const [index, item] of [hint!, first!, own].entries()) ledger.read(stepOf(item, index));
  for (const item of [hint!, first!]) ledger.delivered(entryOf(item));
  // The server may have been promoted: the stream asks again when it goes on here.
  expect(ledger.resume?.coordinates).toEqual(place(2));
  // And another server has it as everybody's.
  ledger.delivered(entryOf(second!));
  expect(ledger.resume?.coordinates).toEqual(place(3));
  expect(ledger.difference).toBeNull();
});

test('what has nothing to deliver is left out with what comes later', () => {
  const [hint, first, second] = history([1, 2], 10, true);
  const nothing: Item = { ...(first as Item & { kind: 'transaction' }), deliverable: false };
  const ledger = begun(true);
  for (const [index, item] of [hint!, nothing, second!].entries()) ledger.read(stepOf(item, index));
  ledger.delivered(entryOf(hint!));
  expect(ledger.resume?.coordinates).toEqual(place(1));
  ledger.delivered(entryOf(second!));
  expect(ledger.resume?.coordinates).toEqual(place(3));
  expect(ledger.ahead).toBe(0);
});
