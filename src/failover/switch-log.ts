/** What the log says of a switch: README.md, "Logs", has these events. */
import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import type { Progress } from '../tail/progress.js';
import { messageOf, type WaymarkError } from '../util/errors.js';
import type { LossDiagnosis } from './lost-stream.js';
import type { Loss, Move } from './move.js';
import type { Member } from './pool.js';
import type { Source } from './source.js';
import type { Switch } from './state.js';
import { formatDuration } from '../util/quantities.js';

/** Says where reading begins, and when it couldn't go on elsewhere from there. */
export function logPlaced(
  { member, inspection, resume, confidence, hint, matched }: Source,
  logger: Logger,
): void {
  const { facts } = inspection;
  logger.info(
    {
      ...{
        event: 'stream.started',
        server: member.name,
        serverId: facts.serverId,
        version: facts.version.text,
      },
      ...{ ...resume.coordinates, hint, confidence, skipped: matched },
    },
    `Reading ${member.name} from ${formatCoordinates(resume.coordinates)}`,
  );
  if (resume.trail.some((entry) => entry.kind === 'hint')) return;
  logger.warn(
    { event: 'hints.missing', server: member.name },
    'No hint stands before this place: until the first one comes, losing this server is an error. ' +
      'Inject hints on the source (waymark inject)',
  );
}

/** A stream has ended by itself. */
export function logSuspicion({ name }: Member, error: WaymarkError, logger: Logger): void {
  logger.warn(
    { event: 'replica.suspect', server: name, code: error.code, reason: error.message },
    `Suspicion against ${name}: ${messageOf(error)}`,
  );
}

/** Nobody can be reached. */
export function logIsolated({ name }: Member, reasons: readonly string[], logger: Logger): void {
  logger.error(
    { event: 'stream.isolated', server: name, finding: 'isolated', reasons },
    'No server can be reached, which says nothing of them: the stream stays, and goes on when one can be reached',
  );
}

/** What was found of a server whose stream ended, and what comes of it. */
export function logLost(
  { name }: Member,
  { finding, reasons, probe }: LossDiagnosis,
  reconnects: boolean,
  progress: Progress,
  logger: Logger,
): void {
  logger.warn(
    {
      event: reconnects ? 'stream.reconnecting' : 'failover.started',
      ...{ from: name, finding, reasons, probe, ...standOf(progress) },
    },
    reconnects
      ? `${name} lives; reconnecting there`
      : `${name} is ${finding} (${reasons.join('; ')}); looking for another server`,
  );
}

/** A server whose stream runs is left. */
export function logLeft({ name }: Member, move: Move, progress: Progress, logger: Logger): void {
  const { cause, reasons, target } = move;
  logger.warn(
    {
      event: 'failover.started',
      ...{ from: name, to: target?.name ?? null, finding: cause, reasons, ...standOf(progress) },
    },
    `Leaving ${name} for ${target?.name ?? 'another server'} (${cause})`,
  );
}

/** The first record has come from the next server, or we are level with it. */
export function logArrival(change: Switch, loss: Loss, blackoutMs: number, logger: Logger): void {
  const { from, to, hint, confidence, skipped, finding, timeline } = change;
  const coordinates = formatCoordinates(change.coordinates);
  logger.info(
    {
      event: 'failover.done',
      ...{ from, to, hint, confidence, skipped, blackoutMs, finding, coordinates, timeline },
    },
    `The stream goes on from ${to} (${confidence ?? 'unverified'}), ` +
      `${formatDuration(blackoutMs)} after the last word from ${loss.member.name}`,
  );
}

/** How far the stream had come. */
function standOf({ keeper, coordinates, partial }: Progress) {
  return {
    hint: keeper.lastHint?.token ?? null,
    coordinates: formatCoordinates(coordinates),
    partialChanges: partial?.changes ?? 0,
  };
}
