import { describe, expect, test } from 'vitest';
import { type FileFacts, situationOf } from '../../../src/sinks/file-situation.js';

const offset = 1000;
const inPlace: FileFacts = {
  ...{ size: offset, links: 1, endIsOurs: true, named: { isOurs: true, isEmptyFile: false } },
};

/** The situation in a word, or what is said of the damage. */
function situation(change: Partial<FileFacts>): string {
  const found = situationOf({ ...inPlace, ...change }, offset);
  return found.kind === 'damaged' ? found.how : found.kind;
}

test.each<[string, Partial<FileFacts>, string]>([
  ['it is where it was', {}, 'in-place'],
  ['it has a second name', { links: 2 }, 'in-place'],
  ['its name is free', { named: null }, 'renamed'],
  [
    'an empty file has its name, as logrotate’s create leaves it',
    { named: { isOurs: false, isEmptyFile: true } },
    'renamed',
  ],
])('%s', (_name, change, kind) => {
  expect(situation(change)).toBe(kind);
});

describe('what somebody did to it is said, whatever its name', () => {
  const damages: [string, Partial<FileFacts>, RegExp][] = [
    ['deleted', { links: 0, named: null }, /^was deleted .*SIGUSR2/],
    ['truncated', { size: 999 }, /it has 999 bytes, not the 1000 .*truncates it, .*copytruncate.*SIGUSR2/],
    ['emptied', { size: 0 }, /it has 0 bytes/],
    ['appended to', { size: 1001 }, /it has 1001 bytes, not the 1000 .*nothing else writes to it.*SIGUSR2/],
    ['overwritten', { endIsOurs: false }, /its last bytes are not those/],
  ];

  test.each(damages)('%s', (_name, change, how) => {
    for (const named of [inPlace.named, null, { isOurs: false, isEmptyFile: true }]) {
      expect(situation({ named, ...change })).toMatch(how);
    }
  });

  test('something else has its name', () => {
    expect(situation({ named: { isOurs: false, isEmptyFile: false } })).toMatch(/^was replaced/);
  });
});
