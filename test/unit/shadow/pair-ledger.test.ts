import { describe, expect, test } from 'vitest';
import { hintFromToken } from '../../../src/hints/hint.js';
import type { HistoryStep } from '../../../src/matching/match-state.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { type Difference, PairLedger } from '../../../src/shadow/pair-ledger.js';
import { Random } from '../../support/random.js';
import { history, type Item, reorder } from '../matching/simulated-history.js';

const margin = 16;

function place(index: number) {
  return { file: 'log.000001', position: 4 + index * 10 };
}

/** In the log of the server that is delivered. */
function elsewhere(index: number) {
  return { file: 'other.000001', position: 4 + index };
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
      for (const [at, item] of stream.slice(delivered, delivered + count).entries())
        ledger.delivered(entryOf(item), elsewhere(delivered + at));
      delivered = Math.min(delivered + count, stream.length);
    } else {
      for (const [at, item] of shadow.slice(read, read + count).entries())
        ledger.read(stepOf(item, read + at), 0);
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
        expect(ledger.takeDifferences()).toEqual([]);
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

  test.each(Array.from({ length: 60 }, (_, seed) => seed + 1))(
    'seed %i: whatever only one of them has is told once, by its kind and place, and the ledger goes on',
    (seed) => {
      const random = new Random(seed);
      const count = 400;
      const digests = Array.from({ length: count }, (_, index) => index);
      // Without marks of origin, only hints settle what differs, and only in one order.
      const hasOrigins = !ordered || random.chance(0.7);
      const items = history(digests, random.between(5, 30), hasOrigins);
      const fraction = (): number => random.fraction();
      const stream: Item[] = [];
      const shadow: Item[] = [];
      const expected: Told[] = [];
      let last = -100;
      for (const item of items) {
        const isFar = stream.length - last > 2 * margin && stream.length < items.length / 2;
        if (item.kind === 'hint' || !isFar || !random.chance(0.05)) {
          stream.push(item);
          shadow.push(item);
          continue;
        }
        last = stream.length;
        const { identity } = item;
        const { origin } = identity;
        const own = { ...identity, digest: 5000n + BigInt(last), origin: hasOrigins ? `g:0-9-${last}` : '' };
        const planted = random.pick(['missing', 'extra', 'errant', 'content'] as const);
        switch (planted) {
          case 'missing':
            stream.push(item);
            break;
          case 'extra':
          case 'errant':
            stream.push(item);
            shadow.push({ ...item, identity: own, errant: planted === 'errant' }, item);
            break;
          case 'content':
            stream.push(item);
            shadow.push({ ...item, identity: { ...identity, digest: own.digest } });
        }
        const kind = planted === 'errant' ? 'extra' : planted;
        const isOwn = kind === 'extra';
        expected.push({ kind, origin: isOwn ? own.origin : origin, errant: planted === 'errant' });
      }
      const [one, other] = [reorder(stream, distance, fraction), reorder(shadow, distance, fraction)];
      const ledger = begun(ordered);
      const found: Difference[] = [];
      play(ledger, one, other, random, (delivered) => {
        found.push(...ledger.takeDifferences());
        if (!random.chance(0.1)) return;
        // Nothing that was delivered comes again, whatever has differed before.
        const outcome = outcomeOf(ledger, one.slice(0, delivered), other) ?? new Map<string, number>();
        expect([...outcome].filter(([, times]) => times !== 1)).toEqual([]);
      });
      const told = found.map(({ kind, origin, errant }) => ({ kind, origin, errant }));
      const inOrder = (a: Told, b: Told): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
      expect(told.toSorted(inOrder)).toEqual(expected.toSorted(inOrder));
      for (const difference of found)
        expect(isAt(difference, one, other), JSON.stringify(difference)).toBe(true);
      // What differed is long past.
      expect(ledger.isInDoubt).toBe(false);
      expect(ledger.resume?.coordinates).toEqual(place(other.length));
    },
  );
});

type Told = Pick<Difference, 'kind' | 'origin' | 'errant'>;

/** Whether the coordinates of a difference are those of its transaction in both logs. */
function isAt(
  { kind, origin, delivered, beside }: Difference,
  stream: readonly Item[],
  shadow: readonly Item[],
): boolean {
  const hasDelivered = kind === 'content' || kind === 'missing';
  const hasBeside = kind === 'content' || kind === 'extra';
  if ((delivered !== null) !== hasDelivered || (beside !== null) !== hasBeside) return false;
  const isOrigin = (item: Item | undefined): boolean =>
    item?.kind === 'transaction' && item.identity.origin === origin;
  return (
    (delivered === null || isOrigin(stream[delivered.position - 4])) &&
    (beside === null || isOrigin(shadow[(beside.position - 4) / 10]))
  );
}

test('after a difference there is no place until a hint and the margin have come', () => {
  const items = history(
    Array.from({ length: 60 }, (_, index) => index),
    10,
    true,
  );
  const ledger = begun(true);
  const shown: boolean[] = [];
  for (const [index, item] of items.entries()) {
    ledger.delivered(entryOf(item), elsewhere(index));
    const isChanged = index === 5;
    const other = isChanged && item.kind === 'transaction' ? { ...item.identity, digest: 999n } : null;
    ledger.read(stepOf(other === null ? item : { ...item, kind: 'transaction', identity: other }, index), 0);
    shown.push(ledger.resume !== null);
  }
  // The next hint is the item with the number 11. Behind it, the margin of 16 transactions and one hint.
  expect(shown.indexOf(false)).toBe(5);
  expect(shown.indexOf(true, 5)).toBe(11 + margin + 1);
  expect(ledger.takeDifferences()).toEqual([
    {
      kind: 'content',
      hint: null,
      origin: 'g:0-1-4',
      errant: false,
      delivered: elsewhere(5),
      beside: place(5),
    },
  ]);
});

/** A transaction of a MariaDB replication domain. */
function ofDomain(domain: number, number: number, more: Partial<Item & { kind: 'transaction' }> = {}): Item {
  const identity = { digest: BigInt(domain * 1000 + number), second: 1, origin: `g:${domain}-1-${number}` };
  return { kind: 'transaction', name: identity.origin, identity, ...more };
}

function readAll(ledger: PairLedger, items: readonly Item[], from = 0): void {
  for (const [index, item] of items.entries()) ledger.read(stepOf(item, from + index), 0);
}

function deliverAll(ledger: PairLedger, items: readonly Item[]): void {
  for (const [index, item] of items.entries()) ledger.delivered(entryOf(item), elsewhere(index));
}

describe.each([
  ['the shadow is ahead', true],
  ['the stream is ahead', false],
] as const)('%s', (_name, isAhead) => {
  const play = (ledger: PairLedger, stream: readonly Item[], shadow: readonly Item[]): void => {
    if (isAhead) readAll(ledger, shadow);
    deliverAll(ledger, stream);
    if (!isAhead) readAll(ledger, shadow);
  };

  test('a transaction that a killed replica has logged as its own is no difference', () => {
    const [hint, first, second] = history([1, 2], 10, true) as [Item, Item, Item];
    const recovered: Item = {
      ...(first as Item & { kind: 'transaction' }),
      identity: { digest: 1n, second: 0x60000000, origin: 'g:0-2-0' },
      errant: true,
    };
    const ledger = begun(true);
    play(ledger, [hint, first, second], [hint, recovered, second]);
    expect(ledger.takeDifferences()).toEqual([]);
    expect(ledger.resume?.coordinates).toEqual(place(3));
    expect(ledger.resume?.trail.at(-2)).toEqual(entryOf(first));
  });

  test('other content under a GTID that is known to be delivered is told as other content', () => {
    const ledger = new PairLedger({
      resume: { coordinates: place(0), trail: [], sequence: 0, sourceServerId: null, skip: [] },
      ...{ anchors: 'gtid', ordered: true, margin, wasDelivered: () => !isAhead },
    });
    const [first, second] = [2, 3].map((number) =>
      ofDomain(0, number, { identity: { digest: BigInt(number), second: 1, origin: `c:${number}` } }),
    ) as [Item, Item];
    const changed = ofDomain(0, 1, { identity: { digest: 77n, second: 1, origin: 'c:1' } });
    const delivered = ofDomain(0, 1, { identity: { digest: 78n, second: 1, origin: 'c:1' } });
    const withGtid = (item: Item, index: number): HistoryStep => ({
      ...(stepOf(item, index) as HistoryStep & { kind: 'transaction' }),
      gtid: `uuid:${index}`,
    });
    const shadow = [changed, first, second].map(withGtid);
    if (isAhead) for (const step of shadow) ledger.read(step, 0);
    deliverAll(ledger, [delivered, first, second]);
    if (!isAhead) for (const step of shadow) ledger.read(step, 0);
    expect(ledger.takeDifferences()).toMatchObject([{ kind: 'content', origin: 'c:1' }]);
  });

  test('domains are in orders of their own, and what isn’t delivered in one stays due in the other', () => {
    const ledger = new PairLedger({
      resume: { coordinates: place(0), trail: [], sequence: 0, sourceServerId: null, skip: [] },
      ...{ anchors: 'gtid', ordered: true, margin, wasDelivered: () => false },
    });
    const first = [ofDomain(0, 1), ofDomain(1, 1)];
    const a = ofDomain(0, 2, { deliverable: false });
    const b = ofDomain(1, 2);
    play(ledger, [...first, b, a, ofDomain(0, 3)], [...first, a, b, ofDomain(0, 3)]);
    expect(ledger.takeDifferences()).toEqual([]);
    expect(ledger.resume?.coordinates).toEqual(place(5));
  });

  test('a second domain under hints is no difference', () => {
    const ledger = begun(true);
    const [hint] = history([1], 10, true) as [Item];
    const [x, u] = [ofDomain(7, 1), ofDomain(0, 2)];
    play(ledger, [hint, ofDomain(0, 1), u, x], [hint, ofDomain(0, 1), x, u]);
    expect(ledger.takeDifferences()).toEqual([]);
    expect(ledger.resume?.coordinates).toEqual(place(4));
  });
});

test('what only the shadow has is told although its number is below one that was delivered', () => {
  const ledger = new PairLedger({
    resume: { coordinates: place(0), trail: [], sequence: 0, sourceServerId: null, skip: [] },
    // MariaDB's last numbers don't tell.
    ...{ anchors: 'gtid', ordered: true, margin, wasDelivered: () => null },
  });
  const [first, second, third] = [ofDomain(0, 1), ofDomain(0, 2), ofDomain(0, 3)];
  deliverAll(ledger, [first, third]);
  for (const [index, item] of [first, second, third].entries()) {
    const step = stepOf(item, index) as HistoryStep & { kind: 'transaction' };
    ledger.read({ ...step, gtid: step.identity.origin.slice(2) }, 0);
  }
  expect(ledger.takeDifferences()).toMatchObject([{ kind: 'extra', origin: 'g:0-1-2', errant: false }]);
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
  for (const [index, item] of [hint!, own, first!].entries()) ledger.read(stepOf(item, index), 0);
  for (const item of [hint!, first!]) ledger.delivered(entryOf(item), null);
  expect(ledger.resume?.coordinates).toEqual(place(3));
  ledger.delivered({ kind: 'transaction', identity: statement }, null);
  expect(ledger.resume).toBeNull();
  ledger.delivered(entryOf(second!), null);
  ledger.read(stepOf(second!, 3), 0);
  expect(ledger.resume?.coordinates).toEqual(place(4));
  expect(ledger.confidence).toBe('unverified');
});

test('what looks like the server’s own stays before the place until the stream has delivered what comes later', () => {
  const [hint, first, second] = history([1, 2], 10, true);
  const own: Item = { ...(second as Item & { kind: 'transaction' }), errant: true };
  const ledger = begun(true);
  for (const [index, item] of [hint!, first!, own].entries()) ledger.read(stepOf(item, index), 0);
  for (const item of [hint!, first!]) ledger.delivered(entryOf(item), null);
  // The server may have been promoted: the stream asks again when it goes on here.
  expect(ledger.resume?.coordinates).toEqual(place(2));
  // And another server has it as everybody's.
  ledger.delivered(entryOf(second!), null);
  expect(ledger.resume?.coordinates).toEqual(place(3));
  expect(ledger.takeDifferences()).toEqual([]);
});

test('what has nothing to deliver is left out with what comes later', () => {
  const [hint, first, second] = history([1, 2], 10, true);
  const nothing: Item = { ...(first as Item & { kind: 'transaction' }), deliverable: false };
  const ledger = begun(true);
  for (const [index, item] of [hint!, nothing, second!].entries()) ledger.read(stepOf(item, index), 0);
  ledger.delivered(entryOf(hint!), null);
  expect(ledger.resume?.coordinates).toEqual(place(1));
  ledger.delivered(entryOf(second!), null);
  expect(ledger.resume?.coordinates).toEqual(place(3));
  expect(ledger.ahead).toBe(0);
});

test('the lead is that of the first step that the stream would deliver and hasn’t', () => {
  const ledger = begun(true);
  const items = history([1, 2, 3], 4, true);
  expect(ledger.aheadSinceMs).toBeNull();
  const [first, second] = items;
  if (first === undefined || second === undefined) throw new Error('the history is too short');
  ledger.read(stepOf(first, 0), 100);
  ledger.read(stepOf(second, 1), 200);
  expect(ledger.aheadSinceMs).toBe(100);
  ledger.delivered(entryOf(first), null);
  expect(ledger.aheadSinceMs).toBe(200);
  ledger.delivered(entryOf(second), null);
  expect(ledger.aheadSinceMs).toBeNull();
});
