import type { Config } from '../config/schema.js';
import { type Condition, startRefusal, testConditions } from './conditions.js';
import type { CheckFinding } from './check-finding.js';
import { subjectOf, type SubjectOptions } from './subject.js';

/** Where it is said what is wrong and yet no reason not to start; a pino logger will do. */
export type ConditionLogger = { warn(fields: object, message: string): void };

/** Whoever doesn't answer within this is waited for later, when all else has begun. */
const limitMs = 3000;

/**
 * Tests the conditions of an agent's or a stream's start, all of them unless `about` says which.
 * @throws WaymarkError that says all that must be mended before; the signal's reason.
 */
export async function requireConditions(
  config: Config,
  options: Omit<SubjectOptions, 'limitMs'> & {
    readonly about?: Condition['of'];
    readonly logger: ConditionLogger;
  },
): Promise<void> {
  const { about, logger, ...rest } = options;
  const findings = await testConditions(await subjectOf(config, { ...rest, limitMs }), about);
  const refusal = startRefusal(findings);
  if (refusal !== null) throw refusal;
  for (const finding of findings) if (finding.severity === 'error') logFinding(finding, logger);
}

function logFinding({ run, server, code, message, fix }: CheckFinding, logger: ConditionLogger): void {
  const fields = { code, ...(server === null ? {} : { server }), reason: message };
  if (run === 'waits') logger.warn({ event: 'waiting', ...fields }, `Waiting until this is over: ${message}`);
  else
    logger.warn(
      { event: 'candidate.rejected', ...fields },
      `The stream can't go on there: ${message}. ${fix}`,
    );
}
