import { refusalOf } from '../preflight/preflight-finding.js';
import type { WaymarkError } from '../util/errors.js';
import { accountFindings } from './account.js';
import { checkpointFindings } from './checkpoint.js';
import { electionFindings } from './election.js';
import { type CheckFinding, errorCodeAtStart } from './check-finding.js';
import { httpFindings } from './http.js';
import { serverFindings } from './servers.js';
import { sinkFindings } from './sink.js';
import { startFindings } from './first-start.js';
import type { Subject } from './subject.js';

/**
 * What must be true for a stream to be carried. `check` shows whatever of it isn't, and `run` refuses to start, or waits,
 * by the same list: see at-start.ts.
 */
export type Condition = {
  /** Whether it is about the agent as a whole, or about one of its streams. */
  readonly of: 'agent' | 'stream';
  /** Looks, and changes nothing; rejects with the signal's reason alone. */
  readonly test: (subject: Subject) => Promise<readonly CheckFinding[]>;
};

/** In the order in which what is wrong is shown. */
const conditions: readonly Condition[] = [
  // The files that the account names can be read.
  { of: 'agent', test: accountFindings },
  // Each server can be reached and read, is set as it must be, and fits to the others.
  { of: 'stream', test: serverFindings },
  // The checkpoint's store is there, may be used, and holds a record that can be read, or none.
  { of: 'stream', test: checkpointFindings },
  // So is the election's.
  { of: 'agent', test: electionFindings },
  // There is a place to begin or to go on at.
  { of: 'stream', test: startFindings },
  // The sink can be written.
  { of: 'stream', test: sinkFindings },
  // The port is free.
  { of: 'agent', test: httpFindings },
];

/**
 * Tests all conditions at once, or those about the agent or the stream alone. Gives whatever is wrong.
 * @throws the signal's reason when it fires.
 */
export async function testConditions(
  subject: Subject,
  about?: Condition['of'],
): Promise<readonly CheckFinding[]> {
  const tested = conditions.filter((condition) => about === undefined || condition.of === about);
  const found = await Promise.all(tested.map(({ test }) => test(subject)));
  return found.flat();
}

/** The error with which `run` refuses to start: it says all that is in the way. Null: nothing is. */
export function startRefusal(findings: readonly CheckFinding[]): WaymarkError | null {
  return refusalOf(
    findings.filter(({ run }) => run === 'refuses'),
    errorCodeAtStart,
    'conditions',
  );
}
