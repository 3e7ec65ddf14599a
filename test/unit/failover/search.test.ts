import { describe, expect, test } from 'vitest';
import type { Place } from '../../../src/failover/candidate.js';
import { judge, reservesAreDue, type Standing } from '../../../src/failover/search.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';

/** A verdict names a place; what is in it doesn't matter to it. */
const place = (name: string): Place => ({ member: { name } }) as Place;
const trying: Standing = { status: 'trying' };
const waiting: Standing = { status: 'waiting' };
const behind: Standing = { status: 'behind' };
const ready = (name: string): Standing => ({ status: 'ready', place: place(name) });
const failing = (code: ErrorCode): Standing => ({ status: 'failing', error: new WaymarkError(code, code) });
const tried = (code: ErrorCode, spent: boolean): Standing => ({ ...failing(code), spent }) as Standing;
const spent = (code: ErrorCode): Standing => tried(code, true);
const rejected = (code: ErrorCode): Standing => ({ status: 'rejected', error: new WaymarkError(code, code) });

function codeOf(error: Error): string {
  return error instanceof WaymarkError ? error.code : error.name;
}

const judgeAll = (...standings: Standing[]) => judge(standings.map((standing, rank) => ({ rank, standing })));

/** The verdict in a word: `go-on`, `take NAME` or `give-up CODE`. */
function verdict(...standings: Standing[]): string {
  const judged = judgeAll(...standings);
  if (judged.kind === 'take') return `take ${judged.place.member.name}`;
  if (judged.kind === 'give-up') return `give-up ${codeOf(judged.error)}`;
  return judged.kind;
}

describe('verdicts', () => {
  test.each<[string, Standing[], string]>([
    ['all are being tried', [trying, trying], 'go-on'],
    ['one is ready', [trying, ready('b')], 'take b'],
    ['two are ready: the one with the higher priority', [ready('a'), ready('b')], 'take a'],
    ['ready comes before whatever the others are', [rejected('diverged'), ready('b')], 'take b'],
    ['ready comes before no trail', [rejected('no-trail'), failing('stream-broken'), ready('c')], 'take c'],
    ['while one is tried nothing is given up', [rejected('diverged'), trying], 'go-on'],
    ['rejected all but one that is tried', [rejected('hint-purged'), trying], 'go-on'],
    ['one may come back', [failing('server-unreachable'), rejected('hint-purged')], 'go-on'],
    ['all may come back', [failing('server-unreachable'), failing('unsuitable-server')], 'go-on'],
    [
      'one differs, the other may come back',
      [failing('server-unreachable'), rejected('diverged')],
      'give-up diverged',
    ],
    ['there is no trail', [rejected('no-trail'), failing('server-unreachable')], 'give-up no-trail'],
    ['none can ever do', [rejected('hint-purged'), rejected('hint-not-found')], 'give-up no-candidate'],
    ['one differs, one is purged', [rejected('hint-purged'), rejected('diverged')], 'give-up diverged'],
    ['the only one can never do: its own error', [rejected('hint-purged')], 'give-up hint-purged'],
    ['the only one may come back', [failing('server-unreachable')], 'go-on'],
    [
      'one differs, the other may do in a moment',
      [tried('coordinates', false), rejected('diverged')],
      'go-on',
    ],
    [
      'one differs, the other was tried often',
      [spent('coordinates'), rejected('diverged')],
      'give-up diverged',
    ],
    ['one was tried often, the other may come back', [spent('checksum'), failing('stream-broken')], 'go-on'],
    ['one was tried often, the other is tried', [spent('coordinates'), trying], 'go-on'],
    ['all were tried often', [spent('checksum'), spent('protocol')], 'give-up no-candidate'],
    [
      'one was tried often, the other never does',
      [spent('coordinates'), rejected('hint-purged')],
      'give-up no-candidate',
    ],
    ['the only one was tried often: its own error', [spent('protocol')], 'give-up protocol'],
  ])('%s', (_name, standings, expected) => {
    expect(verdict(...standings)).toBe(expected);
  });

  test.each<[string, Standing[], string]>([
    ['a reserve has not been called', [rejected('diverged'), waiting], 'go-on'],
    ['one waits for what was delivered', [behind, rejected('diverged')], 'go-on'],
    ['one waits, a worse one is ready', [behind, ready('b')], 'take b'],
  ])('%s', (_name, standings, expected) => {
    expect(verdict(...standings)).toBe(expected);
  });

  test.each<[string, [number, Standing][], string]>([
    [
      'a better one is being tried',
      [
        [0, trying],
        [1, ready('b')],
      ],
      'go-on',
    ],
    [
      'an equal one is being tried',
      [
        [0, trying],
        [0, ready('b')],
      ],
      'take b',
    ],
    [
      'a worse one is being tried',
      [
        [0, ready('a')],
        [1, trying],
      ],
      'take a',
    ],
    [
      'a better one has to be waited for',
      [
        [0, behind],
        [1, ready('b')],
      ],
      'take b',
    ],
  ])('with patience: %s', (_name, ranked, expected) => {
    const judged = judge(
      ranked.map(([rank, standing]) => ({ rank, standing })),
      true,
    );
    expect(judged.kind === 'take' ? `take ${judged.place.member.name}` : judged.kind).toBe(expected);
  });

  test('reserves are called when none of the others is tried any more', () => {
    const contenders = [false, true].map((reserve) => ({ member: place('x').member, rank: 0, reserve }));
    const due = (standing: Standing) => reservesAreDue(contenders, [standing, waiting]);
    expect([trying, ready('a'), behind, failing('stream-broken'), rejected('diverged')].map(due)).toEqual([
      ...[false, false, true, true, true],
    ]);
  });

  test('an empty pool has no candidate', () => {
    expect(verdict()).toBe('give-up no-candidate');
  });

  test('when none can do, the reasons of all are told', () => {
    const judged = judgeAll(rejected('hint-purged'), rejected('hint-not-found'));
    expect(judged).toMatchObject({
      kind: 'give-up',
      error: { details: { reasons: ['hint-purged', 'hint-not-found'] } },
    });
    expect(judged.kind === 'give-up' && judged.error.message).toMatch(/hint-purged\n.*hint-not-found/);
  });
});
