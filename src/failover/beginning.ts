import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { displayHint, type Hint, hintFromDisplay, hintFromToken } from '../hints/hint.js';
import { beginTrail } from '../matching/first-trail.js';
import type { TrailEntry } from '../matching/trail.js';
import type { ResumePoint } from '../matching/match-state.js';
import { inspect, type Inspection } from '../mysql/inspect.js';
import { namingGrants } from '../mysql/named-grants.js';
import type { DeliveredTransaction, SinkRecovery } from '../sinks/sink.js';
import { sleep } from '../util/async.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { rejectionsOf } from './candidate.js';
import { isAway } from './patience.js';
import type { Member } from './pool.js';

/** A place to begin without a checkpoint. */
export type Beginning = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
};

const inspectTimeoutMs = 3000;
const retryMs = { first: 500, last: 10_000 } as const;

/**
 * Where a stream without a checkpoint begins: on the first member, by priority, that can serve it. While none can be
 * reached it waits; what is wrong with the configuration or with all servers is an error at once.
 * @throws the first member's error when every member that answers is unsuitable.
 */
export async function begin(
  pool: () => readonly Member[],
  config: Pick<Config, 'start' | 'hints'>,
  filter: TableFilter,
  logger: Logger,
  signal: AbortSignal,
): Promise<Beginning> {
  for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
    const errors: Error[] = [];
    for (const member of pool()) {
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

async function beginAt(
  member: Member,
  config: Pick<Config, 'start' | 'hints'>,
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
  const resume = await namingGrants(instance, signal, () => beginTrail(config.start, options));
  return { member, inspection, resume };
}

/**
 * The trail of a checkpoint with what the sink took after it: an agent that died had delivered more than its last
 * record says. Hints that the sink's records name are put between; where they stand is not known, only that it is
 * behind the checkpoint's coordinates.
 */
export function recoveredTrail(checkpoint: Checkpoint, recovery: SinkRecovery): readonly TrailEntry[] {
  const entries: TrailEntry[] = [...checkpoint.trail.entries];
  const newest = entries.findLast((entry) => entry.kind === 'hint');
  let hint = newest?.kind === 'hint' ? displayHint(newest.hint) : null;
  for (const delivered of recovery.delivered) {
    if (delivered.hint !== null && delivered.hint !== hint) {
      hint = delivered.hint;
      entries.push({ kind: 'hint', hint: hintFromDisplay(hint), coordinates: checkpoint.coordinates });
    }
    entries.push({ kind: 'transaction', identity: identityOf(delivered) });
  }
  return entries;
}

/** Where the numbering of what was delivered stands: the ids of what comes next must not have been given before. */
export function recoveredNumbering(
  { sequence, numberedFrom }: Checkpoint,
  { delivered }: SinkRecovery,
): { readonly sequence: number; readonly hint: Hint | null } {
  const last = delivered.at(-1);
  if (last !== undefined) {
    return { sequence: last.sequence, hint: last.hint === null ? null : hintFromDisplay(last.hint) };
  }
  return { sequence, hint: numberedFrom === null ? null : hintFromToken(numberedFrom) };
}

function identityOf({ digest, second, gtid }: DeliveredTransaction): {
  digest: bigint;
  second: number;
  origin: string;
} {
  // MariaDB's GTIDs are an origin; MySQL's origin is the commit time, which records don't have: the second will do.
  const origin = gtid !== null && /^\d+-\d+-\d+$/.test(gtid) ? `g:${gtid}` : '';
  return { digest, second, origin };
}
