import type { Logger } from 'pino';
import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { tableFilter } from '../config/table-filter.js';
import type { Leadership } from '../election/election.js';
import type { Timer } from '../runtime/clock.js';
import { Checkpointer } from '../tail/checkpointer.js';
import { KeptLayouts } from '../tail/kept-layouts.js';
import { rememberingFilter } from '../matching/deliverable.js';
import type { Sink, SinkRecovery } from '../sinks/sink.js';
import { after, signalAfter } from '../util/clock.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { claimCheckpoint } from './checkpoint-claim.js';
import { fencedSink, fencedStore } from './fenced-writes.js';
import type { Stream } from './stream.js';
import { formatDuration } from '../util/quantities.js';

/** After the agent was asked to stop, how long the sink may take to accept what it was given. */
const sinkGraceMs = 5000;
/** How long saving the last checkpoint may take. */
const lastSaveMs = 3000;

/**
 * Leads a stream once. Takes over checkpoint and sink from whoever had them, goes on from there, and closes the sink in
 * order, whatever happens. The checkpoint comes first: after its claim nobody can add to it, and the sink still knows
 * what was delivered after it. Ends by rejecting, like {@link Driver.lead}, and as soon as the leadership is lost.
 */
export async function lead(
  stream: Stream,
  store: CheckpointStore,
  leadership: Leadership,
  stop: AbortSignal,
): Promise<never> {
  const { config, progress } = stream;
  const signal = AbortSignal.any([stop, leadership.lost]);
  const sink = fencedSink(stream.sink, leadership, config.stream);
  const led = fencedStore(store, leadership);
  progress.lastHeardAtMs = null;
  const stored = await claimCheckpoint(led, signal);
  let ended: unknown;
  let opening = true;
  try {
    const recovery = await sink.open(stored?.checkpoint.sink ?? null, signal);
    opening = false;
    return await drive(stream, { store: led, leadership, sink, stored, recovery }, { signal, stop });
  } catch (error) {
    ended = error;
    throw error;
  } finally {
    // If opening was only given up, the sink may still open and then keep its locks.
    if (!opening || signal.aborted) await closeSink(sink, leadership, stream, stop.aborted ? null : ended);
  }
}

/**
 * Closes the sink. If another agent has taken it over, it refuses, as it should. If the stream has failed, that error
 * says more than an error of closing.
 */
async function closeSink(
  sink: Sink,
  { lost, token }: Leadership,
  { logger }: Stream,
  ended: unknown,
): Promise<void> {
  try {
    await sink.close();
  } catch (error) {
    if (lost.aborted) logRefusal(logger, error, token);
    else if (ended === null) throw error;
    else if (error !== ended) logger.warn({ event: 'sink.warning' }, messageOf(error));
  }
}

/** Logs that the sink or the store knows a later leader. */
export function logRefusal(logger: Logger, error: unknown, token: number): void {
  const details = error instanceof WaymarkError ? error.details : {};
  logger.warn(
    { event: 'write.refused', token, ...details, reason: messageOf(error) },
    `This agent no longer leads, and a write was refused: ${messageOf(error)}`,
  );
}

type Opened = {
  readonly store: CheckpointStore;
  readonly leadership: Leadership;
  readonly sink: Sink;
  readonly stored: StoredCheckpoint | null;
  readonly recovery: SinkRecovery;
};

async function drive(
  stream: Stream,
  opened: Opened,
  { signal, stop }: { readonly signal: AbortSignal; readonly stop: AbortSignal },
): Promise<never> {
  const { config, progress, logger, driver, acceptGap } = stream;
  const { store, sink, stored, recovery, leadership } = opened;
  const grace = graceAfter(stop, sinkGraceMs);
  // When asked to stop, finish what the sink was given. Without the leadership, stop at once.
  const sinkSignal = AbortSignal.any([grace.signal, leadership.lost]);
  const kept = new KeptLayouts(config.stream);
  await kept.load(store, stored?.checkpoint.layouts ?? null, logger, signal);
  const checkpointer = new Checkpointer({
    ...{ stream: config.stream, store, sink, sinkSignal, progress, layouts: kept, logger },
    version: stored?.version ?? null,
  });
  stream.checkpointer = checkpointer;
  reportRecovery(opened, stream);
  if (stored !== null) stream.wasReadFrom(stored.checkpoint.server);
  const filter = rememberingFilter(tableFilter(config.filter));
  const begun = {
    filter,
    sink,
    sinkSignal,
    layouts: kept.layouts,
    checkpointer,
    stored,
    recovery,
    acceptGap,
  };
  try {
    return await driver.lead(begun, () => saveLast(checkpointer, stream), signal);
  } finally {
    grace.release();
  }
}

async function saveLast(checkpointer: Checkpointer, { logger }: Stream): Promise<void> {
  try {
    await checkpointer.saveNow('stop', signalAfter(lastSaveMs));
  } catch (error) {
    logger.warn(
      { event: 'checkpoint.failed', reason: messageOf(error) },
      `The last checkpoint could not be saved: ${messageOf(error)}`,
    );
  }
}

function reportRecovery({ stored, recovery }: Opened, { logger }: Stream): void {
  for (const warning of recovery.warnings ?? []) logger.warn({ event: 'sink.warning' }, warning);
  if (recovery.cutOff && recovery.cutOff.bytes > 0) {
    logger.info(
      { event: 'sink.cut-off', ...recovery.cutOff },
      `Cut off ${recovery.cutOff.records} records of an unfinished transaction`,
    );
  }
  if (stored && recovery.delivered.length > 0) {
    logger.info(
      { event: 'sink.recovered', transactions: recovery.delivered.length },
      `The sink holds ${recovery.delivered.length} transactions after the checkpoint. They are not delivered again`,
    );
  }
}

/** Returns a signal that fires `ms` after another one. */
function graceAfter(signal: AbortSignal, ms: number): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let timer: Timer | undefined;
  const begin = (): void => {
    timer = after(ms, () => {
      controller.abort(
        new Error(`The sink did not accept what it was given within ${formatDuration(ms)} of stopping`),
      );
    });
  };
  signal.addEventListener('abort', begin, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      timer?.cancel();
      signal.removeEventListener('abort', begin);
    },
  };
}
