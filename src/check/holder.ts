import type { HolderNote } from '../checkpoint/holder-note.js';
import { WaymarkError } from '../util/errors.js';
import { type Holder, lifeHere, describeHolder } from '../util/lock-holder.js';
import type { CheckFinding } from './check-finding.js';

/** The error of an agent that isn't the first to work with a record. */
export function recordInUse(location: string, holder: Holder | null): WaymarkError {
  const who = holder === null ? 'another agent' : describeHolder(holder);
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint ${location} is in use by ${who}: stop that one first, give this one a stream of its own, ` +
      'or give both the same "election"',
    { details: { location, ...(holder === null ? {} : { pid: holder.pid, host: holder.host }) } },
  );
}

/**
 * Whether another process holds a record. All is well if that is the agent of this stream, so it is worth a warning
 * alone; but no second agent is started beside it.
 */
export async function holderFindings(
  note: HolderNote,
  location: string,
  signal: AbortSignal,
): Promise<readonly CheckFinding[]> {
  const found = await note.look(signal);
  if (found === null) return [];
  const life = await lifeHere(found.holder);
  if (life === 'dead') return [];
  const { code, message, details } = recordInUse(location, found.holder);
  const fix = 'Nothing, if that is the agent of this stream. A second one is refused';
  // Whoever can't be looked at may be dead: the agent waits until that is known.
  const run = life === 'alive' ? 'refuses' : 'waits';
  return [{ server: null, severity: 'warning', code, message, fix, run, details }];
}
