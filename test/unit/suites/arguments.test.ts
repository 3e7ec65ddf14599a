import { expect, test } from 'vitest';
import { isUnitOnly, readRequest, type Request } from '../../suites/arguments.js';

test.each<[string, Request]>([
  ['test', { what: 'core', options: [] }],
  ['test --verbose', { what: 'core', options: ['--reporter=verbose'] }],
  ['test --reporter=dot', { what: 'core', options: ['--reporter=dot'] }],
  ['test -t name', { what: 'some', options: ['-t', 'name'] }],
  ['test test/exact --verbose', { what: 'some', options: ['test/exact', '--reporter=verbose'] }],
  ['all', { what: 'all', commit: null }],
  ['all --commit 0123abcd', { what: 'all', commit: '0123abcd' }],
  ['full', { what: 'full', kinds: [] }],
  ['full mysql:9.7 mariadb:11.8', { what: 'full', kinds: ['mysql:9.7', 'mariadb:11.8'] }],
  ['newest', { what: 'newest' }],
])('%s', (line, expected) => {
  expect(readRequest(line.split(' '))).toEqual(expected);
});

test.each(['', 'most', 'all --commit', 'all test/unit', 'full --fast', 'newest 24'])(
  'refused: %s',
  (line) => {
    expect(() => readRequest(line.split(' '))).toThrow('npm run test:');
  },
);

test.each([
  [['test/unit'], true],
  [['./test/unit/mysql', '--bail=1'], true],
  [['test/unit', 'test/exact'], false],
  [['--bail=1'], false],
])('whether %j is of unit tests only: %s', (options, expected) => {
  expect(isUnitOnly({ what: 'some', options })).toBe(expected);
});
