import { describe, expect, test } from 'vitest';
import {
  contender,
  type ContenderState,
  failed,
  isAtRest,
  judge,
  reservesAreDue,
} from '../../../../src/failover/machine/contenders.js';
import { type ErrorCode, WaymarkError } from '../../../../src/util/errors.js';

const trying: ContenderState = { status: 'trying' };
const waiting: ContenderState = { status: 'waiting' };
const behind: ContenderState = { status: 'behind' };
const ready: ContenderState = { status: 'ready' };
const failing = (code: ErrorCode): ContenderState => ({
  status: 'failing',
  error: new WaymarkError(code, code),
});
const tried = (code: ErrorCode, spent: boolean): ContenderState =>
  ({ ...failing(code), spent }) as ContenderState;
const spent = (code: ErrorCode): ContenderState => tried(code, true);
const rejected = (code: ErrorCode): ContenderState => ({
  status: 'rejected',
  error: new WaymarkError(code, code),
});

function codeOf(error: Error): string {
  return error instanceof WaymarkError ? error.code : error.name;
}

const judgeAll = (...standings: ContenderState[]) =>
  judge(standings.map((standing, rank) => ({ server: 'abcdef'[rank]!, rank, standing })));

/** The verdict in a word: `go-on`, `take NAME` or `give-up CODE`. */
function verdict(...standings: ContenderState[]): string {
  const judged = judgeAll(...standings);
  if (judged.kind === 'take') return `take ${judged.server}`;
  if (judged.kind === 'give-up') return `give-up ${codeOf(judged.error)}`;
  return judged.kind;
}

describe('verdicts', () => {
  test.each<[string, ContenderState[], string]>([
    ['all are being tried', [trying, trying], 'go-on'],
    ['one is ready', [trying, ready], 'take b'],
    ['two are ready: the one with the higher priority', [ready, ready], 'take a'],
    ['ready comes before whatever the others are', [rejected('diverged'), ready], 'take b'],
    ['ready comes before no trail', [rejected('no-trail'), failing('stream-broken'), ready], 'take c'],
    ['while one is tried nothing is given up', [rejected('diverged'), trying], 'go-on'],
    ['rejected all but one that is tried', [rejected('purged'), trying], 'go-on'],
    ['one may come back', [failing('server-unreachable'), rejected('purged')], 'go-on'],
    ['all may come back', [failing('server-unreachable'), failing('unsuitable-server')], 'go-on'],
    [
      'one differs, the other may come back',
      [failing('server-unreachable'), rejected('diverged')],
      'give-up diverged',
    ],
    ['there is no trail', [rejected('no-trail'), failing('server-unreachable')], 'give-up no-trail'],
    ['none can ever do', [rejected('purged'), rejected('not-found')], 'give-up no-candidate'],
    ['one differs, one is purged', [rejected('purged'), rejected('diverged')], 'give-up diverged'],
    ['the only one can never do: its own error', [rejected('purged')], 'give-up purged'],
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
      [spent('coordinates'), rejected('purged')],
      'give-up no-candidate',
    ],
    ['the only one was tried often: its own error', [spent('protocol')], 'give-up protocol'],
  ])('%s', (_name, standings, expected) => {
    expect(verdict(...standings)).toBe(expected);
  });

  test.each<[string, ContenderState[], string]>([
    ['a reserve has not been called', [rejected('diverged'), waiting], 'go-on'],
    ['one waits for what was delivered', [behind, rejected('diverged')], 'go-on'],
    ['one waits, a worse one is ready', [behind, ready], 'take b'],
  ])('%s', (_name, standings, expected) => {
    expect(verdict(...standings)).toBe(expected);
  });

  test.each<[string, [number, ContenderState][], string]>([
    [
      'a better one is being tried',
      [
        [0, trying],
        [1, ready],
      ],
      'go-on',
    ],
    [
      'an equal one is being tried',
      [
        [0, trying],
        [0, ready],
      ],
      'take b',
    ],
    [
      'a worse one is being tried',
      [
        [0, ready],
        [1, trying],
      ],
      'take a',
    ],
    [
      'a better one has to be waited for',
      [
        [0, behind],
        [1, ready],
      ],
      'take b',
    ],
  ])('with patience: %s', (_name, ranked, expected) => {
    const judged = judge(
      ranked.map(([rank, standing], index) => ({ server: 'ab'[index]!, rank, standing })),
      true,
    );
    expect(judged.kind === 'take' ? `take ${judged.server}` : judged.kind).toBe(expected);
  });

  test('reserves are called when none of the others is tried any more', () => {
    const due = (standing: ContenderState) =>
      reservesAreDue([
        { reserve: false, standing },
        { reserve: true, standing: waiting },
      ]);
    expect([trying, ready, behind, failing('stream-broken'), rejected('diverged')].map(due)).toEqual([
      ...[false, false, true, true, true],
    ]);
  });

  test('an empty pool has no candidate', () => {
    expect(verdict()).toBe('give-up no-candidate');
  });

  test('when none can do, the reasons of all are told', () => {
    const judged = judgeAll(rejected('purged'), rejected('not-found'));
    expect(judged).toMatchObject({
      kind: 'give-up',
      error: { details: { reasons: ['purged', 'not-found'] } },
    });
    expect(judged.kind === 'give-up' && judged.error.message).toMatch(/purged\n.*not-found/);
  });

  test('beside the reasons stand their codes, for what is known by them', () => {
    const bug: ContenderState = { status: 'rejected', error: new TypeError('a mistake') };
    expect(judgeAll(rejected('purged'), bug, spent('checksum'))).toMatchObject({
      error: {
        details: { reasons: ['purged', 'a mistake', 'checksum'], codes: ['purged', null, 'checksum'] },
        cause: { code: 'purged' },
      },
    });
  });

  test('who may still come back is told beside the error that ends the search, and only who may', () => {
    const differs = rejected('diverged');
    const judged = judgeAll(failing('server-unreachable'), differs, rejected('purged'), spent('checksum'));
    expect(judged).toMatchObject({
      kind: 'give-up',
      error: {
        code: 'diverged',
        message: 'diverged',
        details: { failing: ['server-unreachable', 'checksum'] },
      },
    });
    expect(judgeAll(differs, rejected('purged'))).toEqual({
      ...{ kind: 'give-up', error: 'error' in differs ? differs.error : null },
    });
  });

  test('nobody is tried any more, and nobody can go on', () => {
    const atRest = (...standings: ContenderState[]) => isAtRest(standings.map((standing) => ({ standing })));
    expect(atRest(failing('stream-broken'), rejected('purged'))).toBe(true);
    expect([trying, waiting, behind, ready].map((one) => atRest(rejected('purged'), one))).toEqual([
      ...[false, false, false, false],
    ]);
  });
});

describe('a member', () => {
  const member = contender({ server: 'a', rank: 3, reserve: false });

  test('is tried at once, in reserve when it is called, and never if its log is known to be unreadable', () => {
    const error = new WaymarkError('checksum', 'unreadable');
    expect(member).toMatchObject({ server: 'a', rank: 3, reserve: false, standing: trying, attempts: 0 });
    expect(contender({ server: 'a', rank: 3, reserve: true })).toMatchObject({
      reserve: true,
      standing: waiting,
    });
    expect(contender({ server: 'a', rank: 3, reserve: true }, error).standing).toEqual({
      status: 'rejected',
      error,
    });
  });

  test('that fails is tried again after a pause that doubles, up to some seconds', () => {
    let one = member;
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      waits.push(one.waitMs);
      one = failed(one, new WaymarkError('stream-broken', 'broken'), false);
      expect(one).toMatchObject({
        server: 'a',
        attempts: 0,
        reported: 'broken',
        standing: { status: 'failing' },
      });
      expect(one.standing).not.toHaveProperty('spent');
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  test('with a temporary error is spent after six in a row, and not before', () => {
    const damaged = new WaymarkError('checksum', 'damaged');
    const spentAfter = (from: typeof member): number => {
      let one = from;
      for (let attempt = 1; attempt < 20; attempt += 1) {
        one = failed(one, damaged, false);
        if (one.standing.status === 'failing' && one.standing.spent === true) return attempt;
      }
      return 0;
    };
    expect(spentAfter(member)).toBe(6);
    const interrupted = failed(failed(member, damaged, false), new WaymarkError('stream-broken', 'x'), false);
    expect(spentAfter(interrupted)).toBe(6);
  });

  test('is rejected for what doesn’t change by itself, and for anything if it is tried only once', () => {
    const [purged, broken] = [new WaymarkError('purged', 'p'), new WaymarkError('stream-broken', 'b')];
    expect(failed(member, purged, false).standing).toEqual({ status: 'rejected', error: purged });
    expect(failed(member, broken, true).standing).toEqual({ status: 'rejected', error: broken });
    expect(failed(member, 'thrown as text', false)).toMatchObject({
      ...{ standing: { status: 'rejected', error: new Error('thrown as text') }, reported: 'thrown as text' },
    });
  });
});
