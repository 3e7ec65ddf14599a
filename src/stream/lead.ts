import type { Logger } from 'pino';
import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { tableFilter } from '../config/table-filter.js';
import type { Leadership } from '../election/lease.js';
import { Checkpointer } from '../failover/checkpointer.js';
import { Coordinator } from '../failover/coordinator.js';
import { firstPlace } from '../failover/first-place.js';
import { KeptLayouts } from '../failover/kept-layouts.js';
import { rememberingFilter } from '../matching/deliverable.js';
import type { Sink, SinkRecovery } from '../sinks/sink.js';
import { untilAborted } from '../util/abortable.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { claimCheckpoint } from './claim.js';
import { ledSink, ledStore } from './led.js';
import type { Followed, Stream } from './stream.js';
import { formatDuration } from '../util/quantities.js';

/** How long a sink may go on accepting what it was given when the agent stops. */
const sinkGraceMs = 5000;
/** How long saving the last checkpoint may take. */
const lastSaveMs = 3000;

/** What a leader works with. */
export type LeaderMeans = Followed & { readonly store: CheckpointStore; readonly leadership: Leadership };

/**
 * One leadership of a stream: takes over checkpoint and sink from whoever had them, goes on from there, and closes the
 * sink in order, whatever happens. The checkpoint is first: when nothing can be added to it any more, the sink still
 * tells what was delivered behind it.
 * Ends by rejecting, like {@link Coordinator.run}, and as soon as the leadership is lost.
 */
export async function lead(stream: Stream, means: LeaderMeans, stop: AbortSignal): Promise<never> {
  const { store, leadership } = means;
  const { config, progress } = stream;
  const signal = AbortSignal.any([stop, leadership.lost]);
  const sink = ledSink(stream.sink, leadership, config.stream);
  const led = ledStore(store, leadership);
  progress.lastHeardAtMs = null;
  const stored = await claimCheckpoint(led, signal);
  let ended: unknown;
  let opening = true;
  try {
    const recovery = await sink.open(stored?.checkpoint.sink ?? null, signal);
    opening = false;
    return await coordinate(stream, { ...means, store: led, sink, stored, recovery }, { signal, stop });
  } catch (error) {
    ended = error;
    throw error;
  } finally {
    // One that we have stopped waiting for may open after all, and would keep its locks.
    if (!opening || signal.aborted) await closeSink(sink, leadership, stream, stop.aborted ? null : ended);
  }
}

/**
 * A sink that another agent has taken over by now refuses our last word, and that is as it should be. What ended the
 * stream says more than what a sink says to being closed then.
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

/** Sink or store know of a later leader. */
export function logRefusal(logger: Logger, error: unknown, token: number): void {
  const details = error instanceof WaymarkError ? error.details : {};
  logger.warn(
    { event: 'write.refused', token, ...details, reason: messageOf(error) },
    `Nothing more is taken from this agent: ${messageOf(error)}`,
  );
}

type Opened = LeaderMeans & {
  readonly sink: Sink;
  readonly stored: StoredCheckpoint | null;
  readonly recovery: SinkRecovery;
};

async function coordinate(
  stream: Stream,
  opened: Opened,
  { signal, stop }: { readonly signal: AbortSignal; readonly stop: AbortSignal },
): Promise<never> {
  const { config, progress, logger } = stream;
  const { store, sink, stored, recovery, leadership, supervisor, breadcrumbs } = opened;
  const filter = rememberingFilter(tableFilter(config.filter));
  const grace = graceAfter(stop, sinkGraceMs);
  // Asked to stop, we finish what the sink has been given; once we don't lead any more, not even that.
  const sinkSignal = AbortSignal.any([grace.signal, leadership.lost]);
  const kept = new KeptLayouts(config.stream);
  await kept.load(store, stored?.checkpoint.layouts ?? null, logger, signal);
  const { layouts } = kept;
  const checkpointer = new Checkpointer({
    ...{ stream: config.stream, store, sink, sinkSignal, progress, layouts: kept, logger },
    version: stored?.version ?? null,
  });
  const coordinator = new Coordinator({
    ...{ config, supervisor, filter, sink, progress, layouts, checkpointer, breadcrumbs, logger, sinkSignal },
    read: stream.read,
    onEvent: (event) => {
      stream.count(event);
    },
  });
  Object.assign(stream, { coordinator, checkpointer });
  reportRecovery(opened, stream);
  const over = new AbortController();
  const working = AbortSignal.any([signal, over.signal]);
  const { acceptGap } = stream;
  const means = {
    ...{ config, supervisor, progress, layouts, breadcrumbs, filter, logger },
    ...{ sink, sinkSignal, acceptGap },
  };
  const placing = firstPlace(means, stored, recovery, working);
  const running: Promise<never>[] = [sink.watch?.(working) ?? untilAborted(working)];
  let placed = false;
  let fenced = false;
  try {
    const source = await Promise.race([placing, ...running]);
    placed = true;
    running.push(coordinator.run(source, working), supervisor.run(coordinator, working));
    return await Promise.race(running);
  } catch (error) {
    // From now on, and not only when all is closed.
    coordinator.stopped(messageOf(error));
    fenced = hasCode(error, 'not-leader');
    throw error;
  } finally {
    over.abort();
    await Promise.allSettled([placing, ...running]);
    if (!fenced && placed) await saveLast(checkpointer, stream);
    grace.release();
  }
}

async function saveLast(checkpointer: Checkpointer, { logger }: Stream): Promise<void> {
  try {
    await checkpointer.saveNow('stop', AbortSignal.timeout(lastSaveMs));
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
      `Cut off ${recovery.cutOff.records} records of a transaction that had not been finished`,
    );
  }
  if (stored && recovery.delivered.length > 0) {
    logger.info(
      { event: 'sink.recovered', transactions: recovery.delivered.length },
      `The sink holds ${recovery.delivered.length} transactions behind the checkpoint; they are not delivered again`,
    );
  }
}

/** A signal that fires some time after another one. */
function graceAfter(signal: AbortSignal, ms: number): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    timer = setTimeout(() => {
      controller.abort(
        new Error(`The sink did not accept what it was given within ${formatDuration(ms)} of stopping`),
      );
    }, ms);
  };
  signal.addEventListener('abort', begin, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', begin);
    },
  };
}
