/** The plain line that every run ends with. */
export function totalsLine(totals: { passed: number; failed: number; skipped: number }): string;
