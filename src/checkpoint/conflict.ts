import { WaymarkError } from '../util/errors.js';

/**
 * The error of a store whose record isn't the one that a write expected: somebody else has written in between.
 * @param found the version that is there, null for none; unless given, it isn't known.
 */
export function conflictError(
  location: string,
  expected: string | null,
  found?: string | null,
): WaymarkError {
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint at ${location} ${whatHappened(expected, found)}. ` +
      'Only one agent may write it: stop the other, then start this one anew.',
    { details: { location, expected, ...(found === undefined ? {} : { found }) } },
  );
}

function whatHappened(expected: string | null, found: string | null | undefined): string {
  if (expected === null) return 'is already there';
  if (found === null) return 'is gone';
  return `was changed ${found === undefined ? 'or removed ' : ''}by another process meanwhile`;
}
