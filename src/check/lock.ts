import { WaymarkError } from '../util/errors.js';
import { heldLock, type ProcessLockOptions } from '../util/process-lock.js';
import { errorFinding } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';

/**
 * Whether another process holds a lock. All is well if that is the agent of this stream, so it is worth a warning
 * alone; but no second agent is started beside it.
 */
export async function lockFindings(
  path: string,
  options: Pick<ProcessLockOptions, 'code' | 'subject'>,
): Promise<CheckFinding[]> {
  try {
    const held = await heldLock(path, options);
    if (held === null) return [];
    const { code, message } = held;
    const fix = 'Nothing, if that is the agent of this stream. A second one is refused';
    return [{ server: null, severity: 'warning', code, message, fix, run: 'refuses' }];
  } catch (error) {
    if (!(error instanceof WaymarkError)) throw error;
    return [errorFinding(error, error.code, error.message, 'Make the lock file readable for this account')];
  }
}
