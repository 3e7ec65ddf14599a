import type { Logger } from 'pino';
import { AgentView, type Parts } from './agent-view.js';
import type { CheckpointStore, StoredCheckpoint } from './checkpoint/checkpoint.js';
import { createCheckpointStore } from './checkpoint/create-store.js';
import { type Address, formatAddress } from './config/address.js';
import type { Config } from './config/schema.js';
import { tableFilter } from './config/table-filter.js';
import { beginning, resumeFromCheckpoint } from './failover/first-place.js';
import { Breadcrumbs } from './failover/breadcrumbs.js';
import { Checkpointer } from './failover/checkpointer.js';
import { Coordinator } from './failover/coordinator.js';
import { PoolWatch } from './failover/pool-watch.js';
import { reloadReport } from './failover/reload.js';
import type { MemberView } from './failover/members.js';
import type { AgentStatus } from './failover/status.js';
import { Supervisor } from './failover/supervisor.js';
import { refused, type ReloadReport, type SwitchReport } from './failover/switching.js';
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
  /** The servers as the agent sees them; empty before the stream has begun. */
  members(): readonly MemberView[];
  /**
   * Moves the stream to another member: everything that was read is delivered, and reading goes on there.
   * @throws WaymarkError `switch-refused` with the reasons; the stream then goes on where it was.
   */
  switchTo(address: Address, signal: AbortSignal): Promise<SwitchReport>;
  /** Takes over what a new configuration changes of the pool and of `failover`, without losing the place. */
  reload(config: Config): ReloadReport;
};

/** How long a sink may go on accepting what it was given when the agent stops. */
const sinkGraceMs = 5000;
/** How long saving the last checkpoint may take. */
const lastSaveMs = 3000;
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
    bytes: 0,
    lastSecond: null,
    lastHeardAtMs: null,
    gtidPosition: new Map(),
  };
  const parts: Parts = { coordinator: null, supervisor: null, checkpointer: null };
  const view = new AgentView(config.stream, progress, parts);
  const switchTo: Agent['switchTo'] = async (address, signal) => {
    const { coordinator, supervisor } = parts;
    if (!coordinator || !supervisor) throw refused(formatAddress(address), ['the stream has not begun']);
    return supervisor.switchTo(address, coordinator, signal);
  };
  return {
    status: () => view.status(),
    members: () => view.members(),
    switchTo,
    reload: (changed) => parts.supervisor?.reload(changed) ?? nothingApplied(config, changed),
    async run(signal) {
      const { logger } = options;
      const account = await readAccount(config);
      const http = await view.serve(config.http, switchTo, logger);
      try {
        await runStream({ config, options, progress, account, parts, view }, signal);
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
  readonly progress: Progress;
  readonly account: Account;
  readonly parts: Parts;
  readonly view: AgentView;
};

/** Opens store and sink, runs the coordinator, and closes them in the right order, whatever happens. */
async function runStream(stream: Stream, signal: AbortSignal): Promise<void> {
  const { config, options } = stream;
  const store = createCheckpointStore(config.checkpoint, config.stream, options.logger);
  const sink = stream.view.watched(options.sink ?? createSink(config.sink));
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

/** A ZooKeeper that isn't there yet is waited for: the agent and it may be started in any order. */
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
      if (config.checkpoint.store !== 'zookeeper' || !hasCode(error, 'checkpoint-store')) throw error;
      signal.throwIfAborted();
      options.logger.warn(
        { event: 'waiting', reason: messageOf(error) },
        `Waiting for ZooKeeper: ${messageOf(error)}`,
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
  const { config, options, progress, account, parts, view } = stream;
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
  const breadcrumbs = new Breadcrumbs();
  const watch = new PoolWatch({ logger, breadcrumbs, lastHint: () => progress.keeper.lastHint });
  const supervisor = new Supervisor({ config, account, watch, progress, logger });
  const coordinator = new Coordinator({
    ...{
      config,
      supervisor,
      filter,
      sink: opened.sink,
      progress,
      checkpointer,
      breadcrumbs,
      logger,
      sinkSignal,
    },
    onEvent: (event) => {
      view.count(event);
    },
  });
  Object.assign(parts, { coordinator, supervisor, checkpointer });
  reportRecovery(opened, logger);
  const working = AbortSignal.any([signal, background.signal]);
  watch.start(working);
  const sizes = view.watchLogs(account, working);
  const running: Promise<never>[] = [];
  let sinkFailed = false;
  try {
    const means = { config, supervisor, progress, breadcrumbs, filter, logger };
    const source = opened.stored
      ? await resumeFromCheckpoint(means, opened.stored, opened.recovery, signal)
      : await beginning(means, signal);
    running.push(coordinator.run(source, working), supervisor.run(coordinator, working));
    await Promise.all(running);
  } catch (error) {
    // The sink's own error: what the trail says was delivered may not have been. The last record stands.
    sinkFailed = hasCode(error, 'sink') || sinkSignal.aborted;
    throw error;
  } finally {
    background.abort();
    await Promise.allSettled([...running, sizes]);
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

/** Before the stream has begun only a restart brings a change about. */
function nothingApplied(before: Config, after: Config): ReloadReport {
  const { added, removed, changed, notApplied } = reloadReport(before, after);
  const servers = added.length + removed.length > 0 ? ['servers'] : [];
  return { added: [], removed: [], changed: [], notApplied: [...servers, ...changed, ...notApplied] };
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
