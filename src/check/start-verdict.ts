import { isClusterFinding } from '../mysql/cluster.js';
import { isAway } from '../resume/retries.js';
import { type ErrorCode, WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { isOutcomeUnknown, ZooKeeperDisconnected, ZooKeeperError } from '../zookeeper/zookeeper-error.js';
import type { AtStart, CheckFinding, RawFinding } from './check-finding.js';

/**
 * What `run` does about what is found wrong when it starts: this is the one place that says so.
 *
 * What comes and goes by itself is waited for, because agent, servers and stores may be started in any order: whatever
 * can't be reached, breaks off or doesn't answer in time. All else is there until somebody mends it, and is refused.
 */

/** Whether what an error tells of passes by itself. */
export function passes(error: unknown): boolean {
  if (error instanceof TimeOver || error instanceof ZooKeeperDisconnected) return true;
  if (error instanceof ZooKeeperError) return isOutcomeUnknown(error.code);
  if (!(error instanceof WaymarkError)) return false;
  // A store tells of what happened to it in its cause.
  if (error.code === 'checkpoint-store' || error.code === 'election-store') return passes(error.cause);
  return isAway(error);
}

/** A finding in the words of an error. */
export function errorFinding(error: unknown, code: ErrorCode, message: string, fix: string): CheckFinding {
  const run: AtStart = passes(error) ? 'waits' : 'refuses';
  const details = error instanceof WaymarkError ? { details: error.details } : {};
  return { server: null, severity: 'error', code, message, fix, run, ...details };
}

/** A finding that doesn't come of an error: errors are refused, unless their code says that they pass. */
export function marked(finding: RawFinding): CheckFinding {
  if (finding.severity === 'warning') return { ...finding, run: 'goes-on' };
  const waits = finding.code === 'server-unreachable' || isClusterFinding(finding.code);
  return { ...finding, run: waits ? 'waits' : 'refuses' };
}

/**
 * Findings about the servers of a pool. A stream that has begun goes on as long as one member can do: a mistake in
 * another one's settings must not turn the agent's restart into its end.
 */
export function markedInPool(
  findings: readonly RawFinding[],
  members: readonly string[],
  hasBegun: boolean,
): CheckFinding[] {
  const all = findings.map(marked);
  const isRefused = (member: string): boolean =>
    all.some(({ server, run }) => server === member && run === 'refuses');
  if (!hasBegun || members.every(isRefused)) return all;
  return all.map((finding) => (finding.run === 'refuses' ? { ...finding, run: 'goes-on' } : finding));
}
