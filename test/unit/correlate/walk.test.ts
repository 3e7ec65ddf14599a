import { describe, expect, test } from 'vitest';
import { hintFromToken } from '../../../src/hints/hint.js';
import { confidenceOf } from '../../../src/matching/confidence.js';
import { CorrelationWalk } from '../../../src/correlate/walk.js';
import type { HistoryStep } from '../../../src/matching/match-state.js';
import type { TrailEntry } from '../../../src/matching/trail.js';
import { TrailMatch } from '../../../src/matching/trail-match.js';
import { tokenOf } from '../matching/simulated-history.js';

const hint = hintFromToken(tokenOf(1));

/** `H`: the hint; letters are transactions, small ones optional in a trail and born here in a log. */
function identityOf(letter: string): { digest: bigint; second: number; origin: string } {
  const code = letter.toUpperCase().charCodeAt(0);
  return { digest: BigInt(code), second: 1, origin: `g:0-1-${code}` };
}

function trailOf(letters: string): TrailEntry[] {
  return Array.from(letters).map((letter) => {
    if (letter === 'H') return { kind: 'hint', hint, coordinates: { file: 'a.1', position: 4 } };
    const optional = letter === letter.toLowerCase();
    return { kind: 'transaction', identity: identityOf(letter), ...(optional ? { optional } : {}) };
  });
}

/** Reads a log against a trail; gives how it ended, the place as what stands before it, and what was noted. */
function walk(trail: string, log: string, ordered = true): Record<string, unknown> {
  const entries = trailOf(trail);
  const matcher = new TrailMatch(entries, hint.token, { ordered, margin: 4 });
  const noted = new CorrelationWalk(entries, ordered);
  for (const [index, letter] of Array.from(log).entries()) {
    const start = { file: 'b.1', position: index };
    const end = { file: 'b.1', position: index + 1 };
    const step: HistoryStep =
      letter === 'H'
        ? { kind: 'hint', hint, start, end, serverId: 1 }
        : {
            kind: 'transaction',
            identity: identityOf(letter),
            start,
            end,
            errant: letter === letter.toLowerCase(),
            deliverable: true,
          };
    if (noted.step(matcher.step(step), step)) break;
  }
  const { state } = noted;
  return {
    status: state?.status,
    before: state?.status === 'complete' ? log.slice(0, state.resume.coordinates.position) : null,
    skip: state?.status === 'complete' ? state.resume.skip.length : null,
    unknown: noted.unknown.map(({ start }) => log[start.position]).join(''),
    own: noted.own.map(({ start }) => log[start.position]).join(''),
    missing: matcher.unmet.map((index) => trail[index]).join(''),
  };
}

describe('the place behind what two servers have in common', () => {
  test.each([
    ['the same', 'HAB', 'HABC', true, { status: 'complete', before: 'HAB', own: '', unknown: '' }],
    ['its end', 'HAB', 'HAB', true, { status: 'complete', before: 'HAB' }],
    ['it is behind', 'HABC', 'HA', true, { status: 'reading', missing: 'BC', unknown: '' }],
    ['another one stands there', 'HABC', 'HAXBC', true, { missing: 'BC', unknown: 'X' }],
    ['its own before the place', 'HAB', 'HAxBC', true, { status: 'complete', before: 'HAxB', own: 'x' }],
    ['its own behind the place', 'HAB', 'HABxC', true, { status: 'complete', before: 'HAB', own: '' }],
    ['what may be missing is', 'HAoB', 'HAB', true, { status: 'complete', before: 'HAB', missing: '' }],
    ['what may be missing is there', 'HAoB', 'HAOB', true, { status: 'complete', before: 'HAOB' }],
    ['it comes last, and is there', 'HABo', 'HABOC', true, { status: 'complete', before: 'HABO' }],
    ['it comes last, and is not', 'HABo', 'HABC', true, { status: 'complete', before: 'HAB' }],
    ['it comes last, and the end comes first', 'HABo', 'HAB', true, { status: 'complete', before: 'HAB' }],
    [
      'another order, all before the place',
      'HABC',
      'HBACD',
      false,
      { status: 'complete', before: 'HBAC', skip: 0 },
    ],
    [
      'another order, and one between that comes later',
      'HABC',
      'HAXBC',
      false,
      { status: 'complete', unknown: 'X', skip: 2 },
    ],
  ])('%s', (_name, trail, log, ordered, expected) => {
    expect(walk(trail, log, ordered)).toMatchObject(expected);
  });
});

test('what bears the mark of a transaction of the trail and has other content, wherever it stands', () => {
  for (const ordered of [true, false]) {
    const entries = trailOf('HAB');
    const noted = new CorrelationWalk(entries, ordered);
    const matcher = new TrailMatch(entries, hint.token, { ordered, margin: 4 });
    const at = { file: 'b.1', position: 4 };
    const place = { start: at, end: at };
    const hintStep: HistoryStep = { kind: 'hint', hint, ...place, serverId: 1 };
    noted.step(matcher.step(hintStep), hintStep);
    for (const [letter, digest] of [
      ['B', 99n],
      ['A', 65n],
      ['C', 67n],
    ] as const) {
      const identity = { ...identityOf(letter), digest };
      const step: HistoryStep = {
        ...{ kind: 'transaction', identity, ...place },
        ...{ errant: false, deliverable: true },
      };
      noted.step(matcher.step(step), step);
    }
    expect(noted.twins.map(({ identity }) => identity.origin)).toEqual(['g:0-1-66']);
  }
});

test('what a comparison can’t see it doesn’t promise', () => {
  expect(confidenceOf('content', 'exact')).toBe('exact');
  expect(confidenceOf('content', 'reordered')).toBe('reordered');
  expect(confidenceOf('shape', 'exact')).toBe('shape');
  expect(confidenceOf('shape', 'shape')).toBe('shape');
  expect(confidenceOf('shape', 'reordered')).toBe('unverified');
  expect(confidenceOf('origin', 'exact')).toBe('unverified');
});
