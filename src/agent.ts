import type { Logger } from 'pino';
import type { CheckpointStore, StoredCheckpoint } from './checkpoint/checkpoint.js';
import { createCheckpointStore } from './checkpoint/create-store.js';
import type { Config } from './config/schema.js';
import { tableFilter } from './config/table-filter.js';
import { begin, recoveredTrail, trailKeepsOrder } from './failover/beginning.js';
import { Breadcrumbs } from './failover/breadcrumbs.js';
import type { CandidateOptions } from './failover/candidate.js';
import { Checkpointer } from './failover/checkpointer.js';
import { Coordinator, type Source, sourceOf } from './failover/coordinator.js';
import { memberAt, type Member, poolOf } from './failover/pool.js';
import { searchPool } from './failover/search.js';
import { initialState } from './failover/state.js';
import { type AgentStatus, statusOf } from './failover/status.js';
import { serveStatus } from './http/status-server.js';
import { rememberingFilter } from './matching/deliverable.js';
import { TrailKeeper } from './matching/trail-keeper.js';
import { readAccount } from './mysql/account.js';
import type { Account } from './mysql/connection.js';
import { createSink } from './sinks/create-sink.js';
import type { Sink, SinkRecovery } from './sinks/sink.js';
import type { Progress } from './tail/progress.js';
import { sleep } from './util/async.js';
import { hasCode, messageOf, WaymarkError } from './util/errors.js';

export type AgentOptions = {
  readonly logger: Logger;
  /** Where the records go; the one of the configuration unless given. */
  readonly sink?: Sink;
};

/** An agent: one stream, read from one server of the pool after the other. */
export type Agent = {
  /**
   * Runs until the signal fires, and then resolves when everything has been flushed, saved and closed. Rejects with
   * what stops the stream for good. To be called once.
   */
  run(signal: AbortSignal): Promise<void>;
  status(): AgentStatus;
};

/** How long a sink may go on accepting what it was given when the agent stops. */
const sinkGraceMs = 5000;
/** How long saving the last checkpoint may take. */
const lastSaveMs = 3000;
/** How long the server of the checkpoint has before the others are tried as well. */
const sameServerMs = 5000;
const storeRetryMs = { first: 500, last: 10_000 } as const;

/** Makes an agent of a configuration; nothing happens before `run`. */
export function createAgent(config: Config, options: AgentOptions): Agent {
  const progress: Progress = {
    coordinates: { file: '', position: 0 },
    keeper: new TrailKeeper(config.matching.margin),
    sourceServerId: null,
    partial: null,
    records: 0,
    transactions: 0,
    passedOver: 0,
    bornHere: 0,
    lastHeardAtMs: null,
    gtidPosition: new Map(),
  };
  const parts: { coordinator: Coordinator | null; checkpointer: Checkpointer | null } = {
    coordinator: null,
    checkpointer: null,
  };
  const status = (): AgentStatus =>
    statusOf(
      config.stream,
      parts.coordinator?.state ?? initialState,
      progress,
      parts.checkpointer?.savedAt ?? null,
      performance.now(),
    );
  return {
    status,
    async run(signal) {
      const { logger } = options;
      const account = await readAccount(config);
      const http = config.http ? await serveStatus(config.http.listen, status, logger) : null;
      try {
        const pool = poolOf(config.servers, account);
        await runStream({ config, options, account, progress, pool, parts }, signal);
        logger.info({ event: 'stopped', reason: 'asked to' }, 'Stopped');
      } catch (error) {
        if (!signal.aborted) {
          parts.coordinator?.stopped(messageOf(error));
          logger.error(
            { event: 'stopped', ...errorFields(error), reason: messageOf(error) },
            `Stopped: ${messageOf(error)}`,
          );
          throw error;
        }
        logger.info({ event: 'stopped', reason: 'asked to' }, 'Stopped');
      } finally {
        await http?.close();
      }
    },
  };
}

/** Makes an agent and runs it: see {@link Agent.run}. */
export async function runAgent(
  config: Config,
  options: AgentOptions & { readonly signal: AbortSignal },
): Promise<void> {
  await createAgent(config, options).run(options.signal);
}

type Stream = {
  readonly config: Config;
  readonly options: AgentOptions;
  readonly account: Account;
  readonly progress: Progress;
  readonly pool: readonly Member[];
  readonly parts: { coordinator: Coordinator | null; checkpointer: Checkpointer | null };
};

/** Opens store and sink, runs the coordinator, and closes them in the right order, whatever happens. */
async function runStream(stream: Stream, signal: AbortSignal): Promise<void> {
  const { config, options } = stream;
  const store = createCheckpointStore(config.checkpoint, config.stream, {
    account: stream.account,
    logger: options.logger,
  });
  const sink = options.sink ?? createSink(config.sink);
  try {
    await openStore(store, stream, signal);
    const stored = await store.load(signal);
    const recovery = await sink.open(stored?.checkpoint.sink ?? null, signal);
    try {
      await coordinate(stream, { store, sink, stored, recovery }, signal);
    } finally {
      await sink.close();
    }
  } finally {
    await store.close();
  }
}

/** A store on a server that isn't there yet is waited for: the agent and it may be started in any order. */
async function openStore(
  store: CheckpointStore,
  { config, options }: Stream,
  signal: AbortSignal,
): Promise<void> {
  for (let waitMs: number = storeRetryMs.first; ; waitMs = Math.min(waitMs * 2, storeRetryMs.last)) {
    try {
      await store.open(signal);
      return;
    } catch (error) {
      if (config.checkpoint.store === 'file' || !hasCode(error, 'checkpoint-store')) throw error;
      signal.throwIfAborted();
      options.logger.warn(
        { event: 'waiting', reason: messageOf(error) },
        `Waiting for the checkpoint store: ${messageOf(error)}`,
      );
      await sleep(waitMs, signal);
    }
  }
}

type Opened = {
  readonly store: CheckpointStore;
  readonly sink: Sink;
  readonly stored: StoredCheckpoint | null;
  readonly recovery: SinkRecovery;
};

async function coordinate(stream: Stream, opened: Opened, signal: AbortSignal): Promise<void> {
  const { config, options, progress, pool, parts } = stream;
  const { logger } = options;
  const filter = rememberingFilter(tableFilter(config.filter));
  const { sinkSignal, release } = graceAfter(signal, sinkGraceMs);
  const background = new AbortController();
  const checkpointer = new Checkpointer({
    ...opened,
    stream: config.stream,
    progress,
    logger,
    version: opened.stored?.version ?? null,
  });
  const breadcrumbs = new Breadcrumbs(() => progress.keeper.lastHint);
  const coordinator = new Coordinator({
    ...{ config, pool, filter, sink: opened.sink, progress, checkpointer, breadcrumbs, logger, sinkSignal },
  });
  Object.assign(parts, { coordinator, checkpointer });
  reportRecovery(opened, logger);
  const notes = breadcrumbs.run(pool, AbortSignal.any([signal, background.signal]));
  let sinkFailed = false;
  try {
    const source = opened.stored
      ? await resumeFromCheckpoint(stream, opened.stored, opened.recovery, { breadcrumbs, filter }, signal)
      : await beginning(stream, filter, signal);
    await coordinator.run(source, signal);
  } catch (error) {
    // The sink's own error: what the trail says was delivered may not have been. The last record stands.
    sinkFailed = hasCode(error, 'sink') || sinkSignal.aborted;
    throw error;
  } finally {
    background.abort();
    await notes;
    if (!sinkFailed && progress.coordinates.file !== '') await saveLast(checkpointer, logger);
    release();
  }
}

async function saveLast(checkpointer: Checkpointer, logger: Logger): Promise<void> {
  try {
    await checkpointer.saveNow('stop', AbortSignal.timeout(lastSaveMs));
  } catch (error) {
    logger.warn(
      { event: 'checkpoint.failed', reason: messageOf(error) },
      `The last checkpoint could not be saved: ${messageOf(error)}`,
    );
  }
}

async function beginning(
  stream: Stream,
  filter: CandidateOptions['filter'],
  signal: AbortSignal,
): Promise<Source> {
  const { config, options, pool } = stream;
  const { member, inspection, resume } = await begin(pool, config, filter, options.logger, signal);
  const ordered = inspection.facts.keepsCommitOrder;
  return { member, inspection, resume, confidence: null, hint: null, ordered, matched: 0 };
}

async function resumeFromCheckpoint(
  { config, options, pool, progress }: Stream,
  { checkpoint }: StoredCheckpoint,
  recovery: SinkRecovery,
  means: { breadcrumbs: Breadcrumbs; filter: CandidateOptions['filter'] },
  signal: AbortSignal,
): Promise<Source> {
  const { logger } = options;
  const trail = recoveredTrail(checkpoint, recovery);
  progress.partial = recovery.endsBetweenTransactions ? null : checkpoint.trail.partial;
  const candidates: CandidateOptions = {
    history: {
      trail,
      ordered: trailKeepsOrder(trail),
      filters: null,
      place: {
        serverId: checkpoint.server.serverId,
        uuid: checkpoint.server.uuid,
        coordinates: checkpoint.coordinates,
        sequence: checkpoint.sequence,
      },
    },
    margin: config.matching.margin,
    format: config.hints,
    onDivergence: config.failover.onDivergence,
    logger,
    ...means,
  };
  const before = memberAt(pool, checkpoint.server);
  if (before) {
    try {
      const soon = AbortSignal.any([signal, AbortSignal.timeout(sameServerMs)]);
      return sourceOf(await searchPool([{ member: before, delayMs: 0, once: true }], candidates, soon));
    } catch (error) {
      signal.throwIfAborted();
      logger.warn(
        { event: 'restart.elsewhere', server: before.name, reason: messageOf(error) },
        'Trying the whole pool',
      );
    }
  }
  const contenders = pool.map((member) => ({ member, delayMs: 0 }));
  return sourceOf(await searchPool(contenders, candidates, signal));
}

function reportRecovery({ stored, recovery }: Opened, logger: Logger): void {
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

function errorFields(error: unknown): object {
  return error instanceof WaymarkError ? { code: error.code, ...error.details } : {};
}

/** A signal that fires some time after another one. */
function graceAfter(signal: AbortSignal, ms: number): { sinkSignal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    timer = setTimeout(() => {
      controller.abort(new Error(`The sink did not accept what it was given within ${ms} ms of stopping`));
    }, ms);
  };
  signal.addEventListener('abort', begin, { once: true });
  return {
    sinkSignal: controller.signal,
    release: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', begin);
    },
  };
}
