import { describe, expect, test } from 'vitest';
import { displayHint, hintFromToken } from '../../../src/hints/hint.js';
import type { HistoryStep, MatchState } from '../../../src/matching/match-state.js';
import type { Identity, TrailEntry } from '../../../src/matching/trail.js';
import { type MatchOptions, TrailMatch } from '../../../src/matching/trail-match.js';
import { type Comparison, digestOf } from '../../../src/transactions/identity.js';
import { tokenOf } from './simulated-history.js';

/*
 * Trails and logs as words: `h1` is a hint, `3` a transaction with the GTID 0-1-3, `s3` the same as a statement, `3?`
 * one that the other server may lack, `3!` other content under that GTID. In logs alone, `x5` is a new transaction,
 * `e3` the transaction 3 as one that the server wrote itself (with its own server id), `w3` with the source's.
 */

const coordinates = { file: 'bin.000001', position: 4 };
const hintOf = (word: string) => hintFromToken(tokenOf(Number(word.slice(1))));
const numberOf = (word: string): number => Number(/\d+/.exec(word)?.[0]);

function identityOf(word: string): Identity {
  const number = numberOf(word);
  const by: Comparison = word.startsWith('s') ? 'origin' : 'content';
  const content = BigInt(number) * 10n + (word.endsWith('!') ? 1n : 0n);
  const server = word.startsWith('e') || word.startsWith('x') ? 9 : 1;
  return { digest: digestOf(by, number, content), second: 100, origin: `g:0-${server}-${number}` };
}

function trailOf(words: string): TrailEntry[] {
  return words.split(' ').map((word): TrailEntry => {
    if (word.startsWith('h')) return { kind: 'hint', hint: hintOf(word), coordinates };
    const identity = identityOf(word);
    return { kind: 'transaction', identity, ...(word.endsWith('?') ? { optional: true } : {}) };
  });
}

/** Step `index` of a log stands from `10 * index` to `10 * index + 10`; hints come from the server of their number. */
function stepOf(word: string, index: number): HistoryStep {
  const start = { file: 'log.000001', position: 10 * index };
  const end = { file: 'log.000001', position: 10 * index + 10 };
  if (word.startsWith('h')) return { kind: 'hint', hint: hintOf(word), start, end, serverId: numberOf(word) };
  const errant = word.startsWith('e') || word.startsWith('w');
  return { kind: 'transaction', identity: identityOf(word), start, end, errant, deliverable: true };
}

const kept: MatchOptions = { ordered: true, margin: 4 };
const notKept: MatchOptions = { ordered: false, margin: 4 };
const lookingBack: MatchOptions = { ...notKept, countFromFirstStep: true };

function matchOf(trail: string, start: string, options: MatchOptions): TrailMatch {
  return new TrailMatch(trailOf(trail), hintOf(start).token, options);
}

/** The state behind the last step of a log. */
function after(match: TrailMatch, log: string): MatchState {
  const states = log.split(' ').map((word, index) => match.step(stepOf(word, index)));
  const last = states.at(-1);
  if (last === undefined) throw new Error('no steps');
  return last;
}

/** The words of a trail, to compare it. */
const wordsOf = (entries: readonly TrailEntry[]): string =>
  entries
    .map((one) =>
      one.kind === 'transaction'
        ? one.identity.origin
        : one.kind === 'hint'
          ? displayHint(one.hint)
          : one.gtid,
    )
    .join(' ');
const words = (text: string): string => wordsOf(trailOf(text));

function outcome(match: TrailMatch, log: string): string {
  const state = after(match, log);
  return state.status === 'complete' ? state.confidence : state.status;
}

function resumeOf(match: TrailMatch, log: string) {
  const state = after(match, log);
  if (state.status === 'reading') throw new Error('the match is not over');
  const { resume } = state;
  return {
    ...{ at: resume.coordinates.position, sequence: resume.sequence, source: resume.sourceServerId },
    ...{ trail: wordsOf(resume.trail), skip: resume.skip.map(({ start }) => start.position) },
  };
}

describe('where the order isn’t kept, the counting hint', () => {
  test.each([
    // The trail, whether reading begins before h1, whether h1 is the counting hint itself.
    ['1 2 h1 3 4 5 6 h2 7 8 9 10', false, false],
    ['1 2 h1 3 4 5 h2 6 7 8 9', true, false],
    ['1 2 h1 3 4 5 6 h2 7 8 9', true, true],
    ['1 2 3 4 5 h1 6 7 h2 8 9 10 11', true, false],
  ])('of %s', (trail, needsLookBack, startsThere) => {
    const match = matchOf(trail, 'h1', notKept);
    expect([match.needsLookBack, match.startsAtCountingAnchor]).toEqual([needsLookBack, startsThere]);
    expect(matchOf(trail, 'h1', kept).needsLookBack).toBe(false);
  });

  test('what comes before it isn’t new, and what comes behind it is', () => {
    const trail = '1 2 h1 3 4 5 6 h2 7 8 9 10';
    const log = 'h1 x50 3 4 5 6 h2 7 8 9 10';
    expect(after(matchOf(trail, 'h1', notKept), log).evidence.additional).toBe(0);
    expect(after(matchOf(trail, 'h1', lookingBack), log).evidence.additional).toBe(1);
  });
});

describe('what has to be met', () => {
  test('is told by the entries’ indexes', () => {
    const match = matchOf('1 h1 2 s3 4? 5', 'h1', kept);
    expect(match.unmet).toEqual([1, 2, 5]);
    after(match, 'h1 5');
    expect(match.unmet).toEqual([2]);
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => match.isMet(index))).toEqual([
      ...[false, true, false, false, false, true, false],
    ]);
  });

  test('is met once: a hint that comes twice stands for nothing else', () => {
    expect(outcome(matchOf('h1 1', 'h1', kept), 'h1 h1')).toBe('reading');
    expect(after(matchOf('h1 1', 'h1', kept), 'h1 h1 1').evidence).toMatchObject({ hintsMatched: 1 });
  });

  test('begins with the trail if that begins before its first hint, and reading looks back', () => {
    const match = matchOf('1 2 h1 3', 'h1', lookingBack);
    expect(match.unmet).toEqual([0, 1, 2, 3]);
    expect(outcome(match, 'h1 3')).toBe('reading');
    expect(matchOf('h0 1 h1 3', 'h1', lookingBack).unmet).toEqual([2, 3]);
  });

  test('may be the server’s own, if it was the source', () => {
    expect(after(matchOf('h1 1 2', 'h1', kept), 'h1 w1 2')).toMatchObject({
      ...{ status: 'complete', confidence: 'exact', evidence: { transactionsMatched: 2, errant: 0 } },
    });
  });
});

describe('what is overdue', () => {
  const missingOf = (match: TrailMatch, log: string) => {
    const state = after(match, log);
    if (state.status !== 'diverged') return state.status;
    return state.missing.map(({ origin, sequence }) => `${origin}/${sequence}`).join(' ');
  };

  test('where the order is kept: what something behind it has come before', () => {
    expect(missingOf(matchOf('h1 1 2 3 4', 'h1', kept), 'h1 1 3')).toBe('g:0-1-2/2');
    expect(missingOf(matchOf('h1 1 2 3 4', 'h1', kept), 'h1 1')).toBe('reading');
  });

  test('all that is left when a newer hint comes', () => {
    expect(missingOf(matchOf('h1 1 2 3', 'h1', kept), 'h1 1 h2')).toBe('g:0-1-2/2 g:0-1-3/3');
    expect(missingOf(matchOf('h1 1 h3 2', 'h1', kept), 'h1 1 h3 h2')).toBe('reading');
  });

  test('a hint of the trail, too', () => {
    expect(after(matchOf('h1 1 h2 2 3', 'h1', kept), 'h1 1 2')).toMatchObject({
      status: 'diverged',
      missingCount: 1,
      missing: [{ hint: displayHint(hintOf('h2')), sequence: 0, origin: '', second: 0, digest: '' }],
      otherContent: null,
    });
  });

  test('named by the hint before it', () => {
    expect(after(matchOf('h1 1 h2 2 3 h3 4', 'h1', kept), 'h1 1 h2 3')).toMatchObject({
      missing: [{ hint: displayHint(hintOf('h2')), sequence: 1, origin: 'g:0-1-2', second: 100 }],
    });
  });

  test('of many, ten are named', () => {
    const state = after(matchOf('h1 1 2 3 4 5 6 7 8 9 10 11 12', 'h1', kept), 'h1 h2');
    expect(state).toMatchObject({ status: 'diverged', missingCount: 12 });
    expect(state.status === 'diverged' && state.missing).toHaveLength(10);
  });

  test('where the order isn’t kept: what more than the margin has come behind', () => {
    const trail = 'h1 1 2 3 4 5 6 7';
    expect(outcome(matchOf(trail, 'h1', lookingBack), 'h1 2 3 4 5')).toBe('reading');
    expect(missingOf(matchOf(trail, 'h1', lookingBack), 'h1 2 3 4 5 6')).toBe('g:0-1-1/1');
  });

  test('what so many new ones have come before', () => {
    for (const options of [kept, lookingBack]) {
      expect(outcome(matchOf('h1 1', 'h1', options), 'h1 x50 x51 x52 x53')).toBe('reading');
      expect(missingOf(matchOf('h1 1', 'h1', options), 'h1 x50 x51 x52 x53 x54')).toBe('g:0-1-1/1');
    }
  });

  test('beside a new one, which is no other content of it', () => {
    expect(after(matchOf('h1 1 2', 'h1', kept), 'h1 x50 2')).toMatchObject({
      ...{ status: 'diverged', missing: [{ origin: 'g:0-1-1' }], otherContent: null },
    });
  });

  test('what has other content is told by itself, also if it isn’t to be met', () => {
    const other = (trail: string, log: string, options: MatchOptions) =>
      after(matchOf(trail, 'h1', options), log);
    const told = {
      missing: [{ origin: 'g:0-1-1' }],
      otherContent: { origin: 'g:0-1-1', hint: null, sequence: 0 },
    };
    expect(other('1 h1 2', 'h1 1!', kept)).toMatchObject({ status: 'diverged', ...told });
    expect(other('h1 1 2', 'h1 1!', kept)).toMatchObject({ status: 'diverged', ...told });
  });
});

describe('the order', () => {
  test('before the start hint says nothing, if nothing before it has to be met', () => {
    expect(outcome(matchOf('h0 1 2 h1 3', 'h1', lookingBack), '2 1 h1 3')).toBe('exact');
    expect(outcome(matchOf('h0 1 2 h1 3', 'h1', lookingBack), 'h0 2 1 h1 3')).toBe('exact');
    expect(outcome(matchOf('h0 1 2 h1 3', 'h1', lookingBack), '1 h1 2 3')).toBe('reordered');
  });

  test('counts from the first entry that has to be met', () => {
    expect(outcome(matchOf('1 2 h1 3', 'h1', lookingBack), '1 2 h1 3')).toBe('exact');
    expect(outcome(matchOf('1 2 h1 3', 'h1', lookingBack), '2 1 h1 3')).toBe('reordered');
  });

  test('doesn’t count what the other server may lack, unless that comes late', () => {
    expect(outcome(matchOf('h1 1? 2 3', 'h1', notKept), 'h1 2 3')).toBe('exact');
    expect(outcome(matchOf('h1 1? 2? 3', 'h1', notKept), 'h1 3')).toBe('exact');
    expect(outcome(matchOf('h1 1? 2 3', 'h1', notKept), 'h1 1 2 3')).toBe('exact');
    expect(outcome(matchOf('h1 1? 2 3', 'h1', notKept), 'h1 2 1 3')).toBe('reordered');
    expect(outcome(matchOf('h1 1 2 3', 'h1', notKept), 'h1 2 1 3')).toBe('reordered');
  });
});

describe('statements', () => {
  test('of the trail that could not be compared make the match unverified, if they were to be met', () => {
    expect(outcome(matchOf('h1 s1 2', 'h1', kept), 'h1 2')).toBe('unverified');
    expect(outcome(matchOf('s1 h1 2', 'h1', kept), 'h1 2')).toBe('exact');
    expect(outcome(matchOf('s1? 2 h1', 'h1', lookingBack), '2 h1')).toBe('unverified');
    expect(outcome(matchOf('h1 1? s2 3', 'h1', kept), 'h1 1 3')).toBe('unverified');
    expect(outcome(matchOf('h1 s1 2', 'h1', kept), 'h1 s1 2')).toBe('exact');
  });

  test('at the trail’s end may still come, until something else does', () => {
    expect(outcome(matchOf('h1 s1', 'h1', kept), 'h1')).toBe('reading');
    expect(outcome(matchOf('h1 s1', 'h1', kept), 'h1 s1')).toBe('exact');
    expect(outcome(matchOf('h1 s1', 'h1', kept), 'h1 h2')).toBe('unverified');
    expect(outcome(matchOf('h1 s1', 'h1', kept), 'h1 x50')).toBe('unverified');
  });

  test('that the other server may lack are not waited for', () => {
    expect(outcome(matchOf('h1 s1?', 'h1', kept), 'h1')).toBe('unverified');
  });

  test('where the order isn’t kept, may come until so much has come as orders differ by', () => {
    expect(outcome(matchOf('h1 s1 s2', 'h1', lookingBack), 'h1 s2')).toBe('reading');
    expect(outcome(matchOf('h1 s1 2 3 4 5', 'h1', lookingBack), 'h1 2 3 4 5')).toBe('reading');
    expect(outcome(matchOf('h1 s1 2 3 4 5 6', 'h1', lookingBack), 'h1 2 3 4 5 6')).toBe('unverified');
    expect(outcome(matchOf('1 2 h1 3 s4 5 6 7 8', 'h1', lookingBack), '1 2 h1 3 5 6 7 8')).toBe('reading');
  });
});

describe('where reading goes on', () => {
  test('right behind, if there is nothing new', () => {
    expect(resumeOf(matchOf('1 h1 2 h2 3', 'h1', kept), 'h1 2 h2 3')).toEqual({
      ...{ at: 40, sequence: 1, source: 2, trail: words('1 h1 2 h2 3'), skip: [] },
    });
  });

  test('at the first new one; what comes behind it of the trail is passed over, and stays in the trail', () => {
    const trail = 'h1 1 2 h2 3';
    expect(resumeOf(matchOf(trail, 'h1', kept), 'h1 1 x50 2 h2 3')).toEqual({
      ...{ at: 20, sequence: 1, source: 1, trail: words('h1 1 2 h2 3'), skip: [30, 50] },
    });
    // A hint that the trail doesn’t have comes again where reading goes on.
    expect(resumeOf(matchOf('h1 1 2', 'h1', notKept), 'h1 1 h5 2')).toEqual({
      ...{ at: 20, sequence: 1, source: 1, trail: words('h1 1 2'), skip: [30] },
    });
  });

  test('an entry that this log lacks, and that need not be met, is kept only from before the place', () => {
    expect(resumeOf(matchOf('1 h1 s2 3', 'h1', kept), 'h1 3').trail).toBe(words('1 h1 3'));
  });
});

describe('what a server logged itself in place of its source', () => {
  test('counts as the source’s, under the source’s GTID', () => {
    const match = matchOf('h1 1 2', 'h1', kept);
    const state = after(match, 'h1 e1 2');
    expect(state).toMatchObject({
      ...{ status: 'complete', confidence: 'exact', evidence: { transactionsMatched: 2, errant: 0 } },
    });
    expect(resumeOf(matchOf('h1 1 2', 'h1', kept), 'h1 e1 2')).toEqual({
      ...{ at: 30, sequence: 2, source: 1, trail: words('h1 1 2'), skip: [] },
    });
  });

  test('is passed over behind the place to go on from', () => {
    expect(resumeOf(matchOf('h1 1 2', 'h1', notKept), 'h1 x50 e1 2')).toEqual({
      ...{ at: 10, sequence: 0, source: 1, trail: words('h1 1 2'), skip: [20, 30] },
    });
  });

  test('is errant after all if the source’s own comes, or nothing of the trail', () => {
    expect(after(matchOf('h1 1 2', 'h1', kept), 'h1 e1 1 2')).toMatchObject({
      ...{ status: 'complete', confidence: 'exact', evidence: { transactionsMatched: 2, errant: 1 } },
    });
    expect(after(matchOf('h1 1 2', 'h1', kept), 'h1 e7 1 2').evidence).toMatchObject({ errant: 1 });
  });
});
