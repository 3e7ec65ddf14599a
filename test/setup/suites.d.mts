/** What TypeScript may know of suites.mjs. */
export declare function totalsLine(totals: { passed: number; failed: number; skipped: number }): string;
