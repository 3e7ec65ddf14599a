import { expect, test } from 'vitest';
import { progressLine } from '../../suites/progress-line.js';
import type { Outcome } from '../../suites/report.js';
import { summary } from '../../suites/summary.js';

const passed = (name: string): Outcome => ({
  file: 'test/unit/a.test.ts',
  name,
  state: 'passed',
  place: 'test/unit/a.test.ts',
  message: null,
});
const skipped = (name: string, message: string | null, file = 'test/integration/b.test.ts'): Outcome => ({
  file,
  name,
  state: 'skipped',
  place: file,
  message,
});

test('says what ran, what failed and where, what was tried twice, and what was skipped and why', async () => {
  const text = summary([
    {
      title: 'Unit tests and the core, as child processes',
      files: 2,
      durationMs: 427_800,
      outcomes: [
        ...Array.from({ length: 1204 }, (_, index) => passed(`test ${index}`)),
        {
          ...passed('a stream > goes on'),
          state: 'failed',
          place: 'test/unit/a.test.ts:41',
          message: 'expected 1 to be 2\nand more of it',
        },
        {
          ...passed('a slow one'),
          place: 'test/unit/a.test.ts:7',
          message: 'gave up waiting: the agent has begun',
        },
        skipped('in an ensemble', 'there is no native ZooKeeper client'),
        skipped('with a key', null),
        skipped('a stream > goes on > and on', null, 'test/unit/a.test.ts'),
        ...Array.from({ length: 12 }, (_, index) =>
          skipped(`XA ${index}`, null, 'test/integration/xa.test.ts'),
        ),
      ],
    },
    {
      title: 'mysql:8.4, in containers',
      files: 0,
      durationMs: 0,
      outcomes: [skipped('as a whole', 'its official image cannot be pulled here', 'mysql:8.4')],
    },
  ]);
  await expect(`${text}\n`).toMatchFileSnapshot('summary.story.txt');
});

test('of a long message the beginning is said', () => {
  const outcome: Outcome = { ...passed('long'), state: 'failed', message: 'x'.repeat(10_000) };
  expect(summary([{ title: 'run', files: 1, durationMs: 1, outcomes: [outcome] }]).length).toBeLessThan(700);
});

const progress = {
  elapsedMs: 127_900,
  files: { ended: 7, all: 61 },
  passed: 1234,
  failed: 0,
  skipped: 0,
  running: ['test/scenarios/xa/xa.test.ts', 'test/integration/resume.test.ts'],
};

test.each([
  [progress, 120, '2:07  7 of 61 files  1,234 passed  scenarios/xa/xa, integration/resume'],
  [
    { ...progress, failed: 1, skipped: 3 },
    60,
    '2:07  7 of 61 files  1,234 passed  1 FAILED  3 skipped  sce…',
  ],
  [{ ...progress, running: [] }, 120, '2:07  7 of 61 files  1,234 passed'],
])('a line of progress: %#', (given, columns, expected) => {
  expect(progressLine(given, columns)).toBe(expected);
});
