import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import { beginTrail, type FirstTrail } from '../matching/first-trail.js';
import { inspect, type Inspection } from '../mysql/inspect.js';
import { namingGrants } from '../preflight/named-grants.js';
import { sleep } from '../util/async.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { rejectionsOf } from './candidate.js';
import { isAway } from './retries.js';
import { type Member, memberAt } from '../pool/members.js';

/** A place to begin without a checkpoint. */
export type Beginning = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: FirstTrail;
};

const inspectTimeoutMs = 3000;
const retryMs = { first: 500, last: 10_000 } as const;

/**
 * The members that a stream without a checkpoint may begin on, in this order. Coordinates are valid only on the
 * server that they were read from, which is the first in the list.
 */
export function membersToBeginAt(
  pool: readonly Member[],
  { start, servers }: Pick<Config, 'start' | 'servers'>,
): readonly Member[] {
  if (start.at !== 'coordinates') return pool;
  const [first] = servers;
  const member = first === undefined ? null : memberAt(pool, first.address);
  return member === null ? [] : [member];
}

/**
 * Where a stream without a checkpoint begins: on the first member, by priority, that can serve it. It waits while
 * none can be reached. A problem of the configuration or of all servers is an error at once.
 * @throws the first member's error when every member that answers is unsuitable.
 */
export async function begin(
  pool: () => readonly Member[],
  config: Pick<Config, 'start' | 'anchors' | 'hints' | 'servers'>,
  filter: TableFilter,
  logger: Logger,
  signal: AbortSignal,
): Promise<Beginning> {
  for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
    const errors: Error[] = [];
    for (const member of membersToBeginAt(pool(), config)) {
      try {
        return await beginAt(member, config, filter, signal);
      } catch (error) {
        signal.throwIfAborted();
        logger.warn(
          { event: 'candidate.rejected', server: member.name, reason: messageOf(error) },
          `The stream can't begin on ${member.name}: ${messageOf(error)}`,
        );
        errors.push(error instanceof Error ? error : new Error(String(error)));
      }
    }
    const final = errors.find((error) => !isAway(error));
    if (final !== undefined) throw final;
    logger.warn(
      { event: 'waiting', retryMs: waitMs },
      'No server of the pool can serve the stream now; trying again',
    );
    await sleep(waitMs, signal);
  }
}

/**
 * Where a stream without a checkpoint would begin on a member. It only reads.
 * @throws WaymarkError with what is wrong with the member, or with the configured start on it.
 */
export async function beginAt(
  member: Member,
  config: Pick<Config, 'start' | 'anchors' | 'hints'>,
  filter: TableFilter,
  signal: AbortSignal,
): Promise<Beginning> {
  const { instance } = member;
  const inspection = await namingGrants(instance, signal, () => inspect(instance, signal, inspectTimeoutMs));
  const rejections = rejectionsOf(member, inspection, null);
  if (rejections.length > 0) {
    throw new WaymarkError('unsuitable-server', rejections.join('; '), {
      details: { server: member.name, rejections },
    });
  }
  const options = { instance, inspection, format: config.hints, filter, signal };
  const resume = await namingGrants(instance, signal, () =>
    beginTrail(config.start, config.anchors, options),
  );
  return { member, inspection, resume };
}
