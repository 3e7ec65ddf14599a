import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What a file leaves open fails it. */
const setupFiles = [fileURLToPath(new URL('test/setup/no-dangling-handles.ts', import.meta.url))];
/** What needs the optional client for ZooKeeper is skipped where there is none. */
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
          testTimeout: 20_000,
          // The default is a second, which a busy machine may stand still for.
          expect: { poll: { timeout: 10_000 } },
          sequence: { groupOrder: 0 },
        },
      },
      // Real servers and 2 cores: one file at a time.
      {
        test: {
          name: 'integration',
          setupFiles: withClient,
          include: ['test/integration/**/*.test.ts', 'test/exact/**/*.test.ts'],
          testTimeout: 60_000,
          retry,
          hookTimeout: 120_000,
          fileParallelism: false,
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
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
