import { WaymarkError } from '../util/errors.js';

/** The error of a store whose record isn't the one that a write expected: somebody else has written in between. */
export function conflictError(location: string, expected: string | null): WaymarkError {
  const what = expected === null ? 'is already there' : 'was changed or removed by somebody else in between';
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint at ${location} ${what}. Only one agent may write it: stop the other, then start this one anew.`,
    { details: { location, expected } },
  );
}
