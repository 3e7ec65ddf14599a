import { WaymarkError } from '../util/errors.js';

/**
 * Returns the error of a write that found another record than it expected: somebody else has written
 * meanwhile.
 * @param found the stored version. Null: there is no record. Left out: unknown.
 */
export function conflictError(
  location: string,
  expected: string | null,
  found?: string | null,
): WaymarkError {
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint at ${location} ${whatHappened(expected, found)}. ` +
      'Only one agent may write it. Stop the other one, then start this one again.',
    { details: { location, expected, ...(found === undefined ? {} : { found }) } },
  );
}

function whatHappened(expected: string | null, found: string | null | undefined): string {
  if (expected === null) return 'already exists';
  if (found === null) return 'is gone';
  return `was changed ${found === undefined ? 'or removed ' : ''}by another process`;
}
