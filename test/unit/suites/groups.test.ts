import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { core, newest } from '../../suites/core.js';
import { groups, means } from '../../suites/groups.js';

const files = ['integration', 'exact', 'hostile', 'scenarios'].flatMap((folder) =>
  readdirSync(`test/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${folder}/${name}`),
);

test('every test file is in exactly one group', () => {
  expect(files.length).toBeGreaterThan(50);
  const entries = groups.flatMap(({ tests }) => tests);
  const wrong = files
    .map((file) => ({ file, entries: entries.filter((entry) => means(entry, file)) }))
    .filter((found) => found.entries.length !== 1);
  expect(wrong, 'put it into test/suites/groups.ts').toEqual([]);
});

test.each([
  ['groups', groups.flatMap(({ tests }) => tests)],
  ['core', core.map((one) => one.test)],
  ['newest', newest],
])('every entry means something that is there: %s', (_list, entries) => {
  expect(entries.filter((entry) => !files.some((file) => means(entry, file)))).toEqual([]);
  expect(new Set(entries).size).toBe(entries.length);
});

test.each([
  ['scenarios/replica-killed/', 'test/scenarios/replica-killed/replica-killed.test.ts', true],
  ['scenarios/replica-killed/', 'test/scenarios/replica-killed-mid-transaction/a.test.ts', false],
  ['integration/election', 'test/integration/election.test.ts', true],
  ['integration/election', 'test/integration/election-row.test.ts', false],
])('%s and %s: %s', (entry, file, expected) => {
  expect(means(entry, file)).toBe(expected);
});

test('the core has something of every folder of tests, and says why', () => {
  for (const folder of ['integration', 'exact', 'hostile', 'scenarios']) {
    expect(existsSync(`test/${folder}`)).toBe(true);
    expect(core.filter((one) => one.test.startsWith(`${folder}/`)).length, folder).toBeGreaterThan(0);
  }
  expect(core.filter(({ why }) => why.length < 10)).toEqual([]);
});
