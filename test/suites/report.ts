/** How a test ended. */
export interface Outcome {
  /** From the repository's root. */
  readonly file: string;
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Where it failed, as `file:line`; the file alone where that isn't known. */
  readonly place: string;
  /** Of one that failed, or passed at its second try only: why. Of one that was skipped: why, where it says so. */
  readonly message: string | null;
}

/** What a run of vitest has found; what fails outside of tests has an outcome, too. */
export interface RunReport {
  readonly outcomes: readonly Outcome[];
  readonly files: number;
}

/** How many there were of each. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts. */
export function totalsOf(outcomes: readonly Outcome[]): Totals {
  const count = (state: Outcome['state']): number => outcomes.filter((one) => one.state === state).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}
