import {
  errorCodeOf,
  type PreflightFinding,
  isPreflightCode,
  type PreflightCode,
} from '../preflight/preflight-finding.js';
import type { ErrorCode } from '../util/errors.js';

/** What is worth a warning alone, whatever the rest is. */
const warningCodes = [
  'no-hint',
  'old-hint',
  'hint-search-too-long',
  'single-server',
  'checkpoint-server',
  'local-checkpoint',
  'foreign-key-cascades',
  'generated-columns',
] as const;

type WarningCode = (typeof warningCodes)[number];

/** What can be found: what preflight finds, what is worth a warning, and whatever our own errors tell of. */
export type FindingCode = PreflightCode | WarningCode | ErrorCode;

/**
 * What `run` does about a finding when it starts: it refuses to, it starts and waits until it has passed, or it goes on
 * as if nothing were.
 */
export type AtStart = 'refuses' | 'waits' | 'goes-on';

/** A finding before it is known what `run` does about it. */
export type RawFinding = PreflightFinding<FindingCode>;

/** A finding as `check` shows it. */
export type CheckFinding = RawFinding & { readonly run: AtStart };

/** The code of the error with which `run` refuses to start for a finding. */
export function errorCodeAtStart(code: FindingCode): ErrorCode {
  if (isPreflightCode(code)) return errorCodeOf(code);
  return isWarningCode(code) ? 'conditions' : code;
}

function isWarningCode(code: FindingCode): code is WarningCode {
  return warningCodes.some((known) => known === code);
}
