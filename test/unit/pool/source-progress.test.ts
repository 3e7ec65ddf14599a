import { describe, expect, test } from 'vitest';
import { changeBetween, sourceNamed } from '../../../src/pool/pool-watch.js';
import { comparePlaces, isAhead, progressBeside, standstillOf } from '../../../src/pool/source-progress.js';
import { answers, mute, sight, source } from './sights.js';

test.each([
  ['mysql-bin.000002:100', 'mysql-bin.000002:200', -1],
  ['mysql-bin.000010:4', 'mysql-bin.000009:900', 1],
  ['mysql-bin.1000000:4', 'mysql-bin.999999:900', 1],
  ['mysql-bin.000002:100', 'mysql-bin.000002:100', 0],
  ['mysql-bin.000002:100', 'other-bin.000002:100', null],
  [':0', 'mysql-bin.000002:100', null],
] as const)('%s and %s', (a, b, sign) => {
  const order = comparePlaces(a, b);
  expect(order === null ? null : Math.sign(order)).toBe(sign);
});

describe('who is ahead', () => {
  const own = sight('a', answers());
  const further = { executed: 'mysql-bin.000003:4' };

  test.each([
    ['has executed more of the same source', sight('b', answers(further)), true],
    ['has executed the same', sight('b', answers()), false],
    ['replicates from another server', sight('b', answers({ ...further, sourceServerId: 7 })), false],
    ['does not answer', sight('b', mute('refused')), false],
    ['is the source, and its log goes on', source({ coordinates: 'mysql-bin.000002:101' }), true],
    ['is the source, and there is no more', source(), false],
    ['the server itself', sight('a', answers(further)), false],
  ] as const)('%s', (_name, other, expected) => {
    expect(isAhead(other, own)).toBe(expected);
  });

  test('a receiver that has never connected: by address', () => {
    const never = sight('a', answers({ sourceServerId: 0 }));
    expect(isAhead(source({ coordinates: 'mysql-bin.000002:101' }), never)).toBe(true);
  });
});

test('standing still begins when another is ahead, and ends when the server goes on', () => {
  const ahead = [source({ coordinates: 'mysql-bin.000009:4' })];
  const here = sight('a', answers());
  expect(standstillOf(null, here, [source()], 10)).toBeNull();
  const since10 = standstillOf(null, here, ahead, 10);
  expect(since10).toEqual({ executed: 'mysql-bin.000002:100', sinceMs: 10 });
  expect(standstillOf(since10, here, ahead, 20)).toBe(since10);
  const moved = sight('a', answers({ executed: 'mysql-bin.000002:150' }));
  expect(standstillOf(since10, moved, ahead, 20)).toEqual({ executed: 'mysql-bin.000002:150', sinceMs: 20 });
  expect(standstillOf(since10, here, [source()], 20)).toBeNull();
  expect(standstillOf(since10, sight('a', mute('no-answer')), ahead, 20)).toBeNull();
});

describe('whether a server is still the one it was', () => {
  const was = { serverId: 1, uuid: 'u', logEnd: 'mysql-bin.000002:100' };
  test.each([
    ['its log has grown', { ...was, logEnd: 'mysql-bin.000003:4' }, null],
    ['its log has shrunk', { ...was, logEnd: 'mysql-bin.000001:900' }, /it was reset/],
    ['another unique id', { ...was, uuid: 'v' }, /another server/],
    ['another server_id', { ...was, serverId: 2 }, /server_id was 1 and is 2/],
    ['its log is not known', { ...was, logEnd: null }, null],
  ] as const)('%s', (_name, now, expected) => {
    if (expected === null) expect(changeBetween(was, now)).toBeNull();
    else expect(changeBetween(was, now)).toMatch(expected);
  });

  test('the first look has nothing to compare with', () => {
    expect(changeBetween(null, was)).toBeNull();
  });
});

test('the source is the one that most members name', () => {
  const elsewhere = answers({ source: 'db9:3306' });
  expect(sourceNamed([elsewhere, answers(), null, answers(), mute('refused')])).toBe('db0:3306');
  expect(sourceNamed([null])).toBeNull();
});

test('servers that can’t be compared are told from one that isn’t ahead', () => {
  const own = sight('a', answers());
  expect(progressBeside(sight('b', answers({ executed: 'mysql-bin.000002:101' })), own)).toBe('ahead');
  expect(progressBeside(sight('b', answers()), own)).toBe('not-ahead');
  expect(progressBeside(sight('b', answers({ sourceServerId: 7 })), own)).toBe('unknown');
  expect(progressBeside(sight('b', mute('no-answer')), own)).toBe('unknown');
  expect(progressBeside(source({ coordinates: null }), own)).toBe('unknown');
});
