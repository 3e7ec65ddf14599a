import { defineConfig } from 'vitest/config';

/**
 * The unit tests as Stryker runs them: it has workers of its own, and what it has changed is slower. The simulator runs
 * the whole agent, and would find many changes by chance, late. What the tests beside it don't notice is wanted here.
 */
export default defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts'],
    exclude: ['test/unit/simulation/**'],
    testTimeout: 120_000,
  },
});
