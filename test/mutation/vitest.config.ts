import { defineConfig } from 'vitest/config';

/** The unit tests as Stryker runs them: it has workers of its own, and what it has changed is slower. */
export default defineConfig({ test: { include: ['test/unit/**/*.test.ts'], testTimeout: 120_000 } });
