import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../suites/report.js';
import { makeRunFolder, removeRunFolder } from '../../servers/folders.js';

/** The reporter in a real run of vitest, of tests that end in all ways. */

const tests = `import { beforeAll, describe, expect, test } from 'vitest';
let tries = 0;
test('is right', () => {});
test('is wrong', () => {
  console.log('what it printed');
  expect(1).toBe(2);
});
test('is right at the second try', { retry: 1 }, () => {
  tries += 1;
  expect(tries).toBe(2);
});
test('has a reason', ({ skip }) => skip('there is no such server'));
test.skip('has none', () => {});
describe('a suite', () => {
  beforeAll(() => { throw new Error('no server'); });
  test('is not begun', () => {});
});
`;

let folder: string;

beforeAll(async () => {
  folder = await makeRunFolder();
  await mkdir(join(folder, 'test'));
  await writeFile(join(folder, 'test/all.test.ts'), tests);
  await writeFile(join(folder, 'test/broken.test.ts'), "import './nowhere.js';\n");
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => removeRunFolder(folder));

async function run(environment: Readonly<Record<string, string>>): Promise<[string, RunReport]> {
  const report = join(folder, 'report.json');
  await rm(report, { force: true });
  const reporter = join(process.cwd(), 'test/suites/progress-reporter.ts');
  const args = [join(process.cwd(), 'node_modules/vitest/vitest.mjs'), 'run', `--reporter=${reporter}`];
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', WAYMARK_TEST_REPORT: report, ...environment };
  const ended = promisify(execFile)(process.execPath, args, { cwd: folder, env, timeout: 60_000 });
  const stdout = await ended.then(
    () => Promise.reject(new Error('the run has not failed')),
    (error: unknown) => (error as { stdout: string }).stdout,
  );
  return [stdout, JSON.parse(await readFile(report, 'utf8')) as RunReport];
}

test('tells of each failure with its line and what it printed, and reports how each test ended', async () => {
  const [stdout, { outcomes, files }] = await run({});
  expect(stdout).toContain('FAILED test/all.test.ts:6  is wrong\n    AssertionError: expected 1 to be 2');
  expect(stdout).toContain('  it printed:\n    what it printed');
  expect(stdout).toMatch(/^0:\d\d {2}2 of 2 files {2}2 passed {2}3 FAILED {2}\d skipped$/m);
  expect(stdout).not.toContain('is right');
  expect(files).toBe(2);
  expect(outcomes).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'is right', state: 'passed', message: null }),
      expect.objectContaining({ name: 'is wrong', state: 'failed', place: 'test/all.test.ts:6' }),
      expect.objectContaining({
        name: 'is right at the second try',
        state: 'passed',
        message: expect.stringContaining('expected 1 to be 2') as string,
      }),
      expect.objectContaining({ name: 'has a reason', state: 'skipped', message: 'there is no such server' }),
      expect.objectContaining({ name: 'has none', state: 'skipped', message: null }),
      expect.objectContaining({
        name: 'a suite',
        state: 'failed',
        place: 'test/all.test.ts:15',
        message: 'no server',
      }),
      expect.objectContaining({ file: 'test/broken.test.ts', name: 'the file as a whole', state: 'failed' }),
    ]),
  );
});

test('where another reporter tells of the tests, it reports only', async () => {
  const [stdout, { outcomes }] = await run({ WAYMARK_TEST_QUIET: 'yes' });
  expect(stdout).not.toContain('FAILED');
  expect(outcomes.filter(({ state }) => state === 'failed')).toHaveLength(3);
});
