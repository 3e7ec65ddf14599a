import { type CheckFinding } from './check-finding.js';
import { errorFinding } from './start-verdict.js';
import type { Subject } from './subject.js';

/** Whether the files of the account can be read. */
export function accountFindings({ accountError }: Subject): Promise<readonly CheckFinding[]> {
  if (accountError === null) return Promise.resolve([]);
  const fix = 'Correct the path, or make the file readable for this account. Then the servers can be checked';
  return Promise.resolve([errorFinding(accountError, accountError.code, accountError.message, fix)]);
}
