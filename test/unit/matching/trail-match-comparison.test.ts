import { describe, expect, test } from 'vitest';
import { type Comparison, digestOf } from '../../../src/transactions/identity.js';
import { deliveredFrom, type Item, keeperAfter, matchCandidate, tokenOf } from './simulated-history.js';

const ordered = { ordered: true, margin: 4 };
const unordered = { ordered: false, margin: 4 };

const hint = (number: number): Item => ({ kind: 'hint', name: tokenOf(number), token: tokenOf(number) });

/** Transaction `number`, by what its server's log lets it be compared; another server has other bytes of the same. */
function transaction(
  number: number,
  by: Comparison = 'content',
  {
    content = by,
    shape = number,
    origin = `g:0-1-${number}`,
  }: { content?: string; shape?: number; origin?: string } = {},
): Item {
  const what = BigInt(number) * 100n + BigInt(content.length);
  const identity = { digest: digestOf(by, shape, what), second: 100, origin };
  return { kind: 'transaction', name: `t${number}`, identity };
}

const source = (...by: Comparison[]): Item[] => [
  hint(1),
  ...by.map((one, index) => transaction(index + 1, one)),
];
const replica = (count: number): Item[] => source(...Array.from({ length: count }, () => 'content' as const));

const match = (delivered: readonly Item[], candidate: readonly Item[], options = ordered) =>
  matchCandidate(keeperAfter(delivered, options.margin), candidate, options);

describe('what healthy servers log otherwise', () => {
  test.each<[string, Comparison[], string]>([
    ['images in part: by shape', ['content', 'shape', 'content'], 'shape'],
    ['a statement and rows: by origin', ['content', 'origin', 'content'], 'unverified'],
    ['both', ['shape', 'origin', 'content'], 'unverified'],
    ['neither', ['content', 'content', 'content'], 'exact'],
  ])('%s, both ways', (_name, by, confidence) => {
    const [one, other] = [source(...by), replica(4)];
    expect(match(one, other.slice(0, 4))).toMatchObject({ status: 'complete', confidence });
    const back = match(other.slice(0, 4), [...one, transaction(4)]);
    expect(back).toMatchObject({ status: 'complete', confidence });
    expect(deliveredFrom(back!, [...one, transaction(4)])).toEqual(['t4']);
  });

  test('the same server: all by content, whatever it is', () => {
    const log = source('shape', 'origin', 'content');
    expect(match(log, log)).toMatchObject({ status: 'complete', confidence: 'exact' });
  });

  test('another shape is a difference', () => {
    const one = [hint(1), transaction(1), transaction(2, 'shape'), transaction(3)];
    const other = [hint(1), transaction(1), transaction(2, 'content', { shape: 9 }), transaction(3)];
    for (const [delivered, candidate] of [
      [one, other],
      [other, one],
    ] as const) {
      const state = match(delivered, candidate);
      expect(state).toMatchObject({
        status: 'diverged',
        missingCount: 1,
        otherContent: { origin: 'g:0-1-2' },
      });
    }
  });

  test('shapes in another order prove nothing', () => {
    const one = source('shape', 'content', 'content');
    const other = [hint(1), transaction(2), transaction(1), transaction(3), hint(2)];
    expect(match(one, other, unordered)).toMatchObject({ status: 'complete', confidence: 'unverified' });
  });

  test('of two of one second without a mark in common, each is taken for its own', () => {
    const noMark = { origin: '' };
    const one = [hint(1), transaction(1, 'content', noMark), transaction(2, 'shape', noMark)];
    const other = [hint(1), transaction(1, 'content', noMark), transaction(2, 'content', noMark)];
    expect(match(one, other)).toMatchObject({ status: 'complete', confidence: 'shape' });
    expect(match(other, one)).toMatchObject({ status: 'complete', confidence: 'shape' });
  });
});

describe('the same GTID, and other content', () => {
  const delivered = [hint(1), transaction(1), transaction(2)];
  const other = transaction(2, 'content', { content: 'something else' });

  test('diverged at once, though nothing behind it has come yet', () => {
    for (const options of [ordered, unordered]) {
      expect(match(delivered, [hint(1), transaction(1), other], options)).toMatchObject({
        status: 'diverged',
        missing: [{ sequence: 2, origin: 'g:0-1-2' }],
        otherContent: { origin: 'g:0-1-2' },
      });
    }
  });

  test('also behind the one that was delivered', () => {
    const more = [...delivered, transaction(3)];
    expect(match(more, [hint(1), transaction(1), transaction(2), other, transaction(3)])).toMatchObject({
      status: 'diverged',
      otherContent: { origin: 'g:0-1-2' },
    });
  });

  test('of two with one commit time nothing is said', () => {
    const at = { origin: 'c:5' };
    const one = [hint(1), transaction(1, 'content', at)];
    const two = transaction(2, 'content', at);
    expect(match(one, [hint(1), two, transaction(1, 'content', at)])).toMatchObject({ status: 'complete' });
  });
});

describe('a statement that changed nothing is nothing in a log of rows', () => {
  test('between others: it isn’t missed', () => {
    const state = match(source('content', 'origin', 'content'), [hint(1), transaction(1), transaction(3)]);
    expect(state).toMatchObject({ status: 'complete', confidence: 'unverified' });
  });

  test('at the end: its rows may still come, until something else does', () => {
    const delivered = source('content', 'origin');
    const log = [hint(1), transaction(1)];
    expect(match(delivered, log)).toMatchObject({ status: 'reading' });
    const come = match(delivered, [...log, transaction(2), transaction(3)]);
    expect(deliveredFrom(come!, [...log, transaction(2), transaction(3)])).toEqual(['t3']);
    for (const next of [transaction(3), hint(2)]) {
      const candidate = [...log, next, transaction(4)];
      const state = match(delivered, candidate);
      expect(state).toMatchObject({ status: 'complete', confidence: 'unverified' });
      expect(deliveredFrom(state!, candidate)).toEqual(
        [next, transaction(4)].flatMap(({ kind, name }) => (kind === 'hint' ? [] : [name])),
      );
    }
  });

  test('where the order isn’t kept: until so much has come as orders differ by', () => {
    const delivered = source('content', 'origin');
    const more = [3, 4, 5, 6, 7].map((number) => transaction(number));
    const log = [hint(1), transaction(1)];
    expect(match(delivered, [...log, ...more.slice(0, 4)], unordered)).toMatchObject({ status: 'reading' });
    const late = [...log, ...more.slice(0, 4), transaction(2)];
    const state = match(delivered, late, unordered);
    expect(deliveredFrom(state!, late)).toEqual(['t3', 't4', 't5', 't6']);
    expect(match(delivered, [...log, ...more], unordered)).toMatchObject({ status: 'complete' });
  });
});
