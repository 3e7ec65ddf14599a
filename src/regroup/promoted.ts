import { dialectOf } from '../mysql/dialect.js';
import { startThread, stopThread, waitUntilApplied, withReplica } from '../mysql/replication-control.js';
import { sendStarts, withOrigin } from '../repoint/put-back.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { MovableReplica } from './choice.js';

/** Nothing more comes to it; what has come is applied before the others are held against it. */
export async function completePromoted(
  { look, channel }: MovableReplica,
  signal: AbortSignal,
  onStep: (step: string) => void,
): Promise<void> {
  const { instance, inspection } = look;
  onStep(
    'This one is promoted. Applying what it has received, and ending its replication from the dead server',
  );
  await withReplica(instance, inspection.facts.version, channel.name, signal, async (control) => {
    await stopThread(control, 'receiver');
    await startThread(control, 'applier');
    await waitUntilApplied(control);
    await stopThread(control, 'applier');
  });
}

/**
 * After a failure or an interruption the one that was to be promoted replicates as before, also where others are below
 * it already: what it may still get they get from it. Gives the error to end with.
 */
export async function resumePromoted(
  cause: unknown,
  { look, channel }: MovableReplica,
): Promise<WaymarkError> {
  const { server } = look;
  const details = { ...(cause instanceof WaymarkError ? cause.details : {}), promoted: server };
  try {
    await withOrigin({ replica: look, channel }, (control) => sendStarts(control, channel));
    const code = cause instanceof WaymarkError ? cause.code : 'interrupted';
    const message = `${messageOf(cause)}. ${server} replicates as it did before`;
    return new WaymarkError(code, message, { cause, details: { ...details, putBack: true } });
  } catch (error) {
    const message =
      `${messageOf(cause)}. And the replication of ${server} could not be started again: ${messageOf(error)}. ` +
      'START REPLICA (START SLAVE) does it';
    return new WaymarkError('not-put-back', message, { cause, details: { ...details, putBack: false } });
  }
}

/** What makes it a source that takes writes: left to the operator. */
export function promotionOf({ look, channel }: MovableReplica): string[] {
  const { facts } = look.inspection;
  const dialect = dialectOf(facts.version);
  return [dialect.forgetSource(channel.name), ...(facts.readOnly ? [dialect.allowWrites] : [])];
}
