import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What a file leaves open fails it. */
const setupFiles = [fileURLToPath(new URL('test/setup/no-dangling-handles.ts', import.meta.url))];
/** What is about one of the two clients for ZooKeeper is run with that, or skipped where there is none. */
const withClient = [...setupFiles, fileURLToPath(new URL('test/setup/zookeeper-client.ts', import.meta.url))];

/**
 * On CI a test against real servers that ran out of time gets one more try, and the report says so: a shared machine
 * may stand still for longer than any limit. A wrong result (a missing row, a wrong finding, an agent that ended) is
 * never tried again. Who adds to such an error adds it at the end: in the middle of another one, agents' logs may stand.
 */
const retry =
  process.env['CI'] === undefined
    ? 0
    : { count: 1, condition: /^(gave up waiting: |no \S+ within \d+ ms|(Test|Hook) timed out in )/ };

/** With real servers a file mostly waits: on 2 cores so many run side by side. Ports, folders and znodes are each file's own. */
const abreast = 2;

/** The suites, in the order in which they run. */
export default defineConfig({
  test: {
    // A rejection that nobody handles, or an error outside of any test, fails the run.
    dangerouslyIgnoreUnhandledErrors: false,
    // A worker that doesn't end is reported with what holds it up.
    teardownTimeout: 10_000,
    reporters: ['verbose', 'hanging-process'],
    pool: 'forks',
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles,
          include: ['test/unit/**/*.test.ts'],
          // Vitest leaves one core alone otherwise, which on 2 cores is half of them.
          maxWorkers: availableParallelism(),
          testTimeout: 20_000,
          // The default is a second, which a busy machine may stand still for.
          expect: { poll: { timeout: 10_000 } },
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          setupFiles: withClient,
          include: ['test/integration/**/*.test.ts', 'test/exact/**/*.test.ts', 'test/hostile/**/*.test.ts'],
          testTimeout: 60_000,
          retry,
          hookTimeout: 120_000,
          maxWorkers: abreast,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'scenarios',
          setupFiles: withClient,
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 120_000,
          retry,
          hookTimeout: 120_000,
          maxWorkers: abreast,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
