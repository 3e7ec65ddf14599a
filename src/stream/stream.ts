import type { Logger } from 'pino';
import { type Address, formatAddress, parseAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { Breadcrumbs } from '../failover/breadcrumbs.js';
import type { Checkpointer } from '../failover/checkpointer.js';
import type { Coordinator } from '../failover/coordinator.js';
import { isBehind, LogSizes } from '../failover/log-sizes.js';
import type { MemberView } from '../failover/members.js';
import { PoolWatch } from '../failover/pool-watch.js';
import { reloadReport } from '../failover/reload.js';
import {
  type AgentEvent,
  type AgentPhase,
  type AgentState,
  initialState,
  stateOf,
} from '../failover/state.js';
import { type AgentStatus, statusOf, type StatusSources } from '../failover/status.js';
import { Supervisor } from '../failover/supervisor.js';
import { refused, type ReloadReport, type SwitchReport } from '../failover/switching.js';
import type { StreamMeters } from '../http/metrics.js';
import type { Account } from '../mysql/instance.js';
import { watchedSink, type SinkActivity } from '../sinks/watched-sink.js';
import type { Sink } from '../sinks/sink.js';
import { newProgress, type Progress } from '../tail/progress.js';
import { tail } from '../tail/tail.js';

/** What a stream is made of. */
export type StreamOptions = {
  readonly config: Config;
  readonly sink: Sink;
  readonly logger: Logger;
  readonly meters: StreamMeters;
  /** Whether it is begun anew, with a record of the gap, where its place is lost. */
  readonly acceptGap: boolean;
  /** Reads one server and delivers what is read; to the sink unless given. */
  readonly read?: typeof tail;
};

/** One stream of an agent: what stays through all its leaderships, and how it stands. */
export class Stream {
  readonly sink: Sink;
  readonly logger: Logger;
  readonly acceptGap: boolean;
  readonly read: typeof tail;
  readonly progress: Progress;
  /** While it runs, whether we lead it or stand by. */
  supervisor: Supervisor | null = null;
  /** While it is led. */
  coordinator: Coordinator | null = null;
  checkpointer: Checkpointer | null = null;
  /** Of our leadership, 0 without an election; null: we don't lead. */
  token: number | null = null;
  /** What it was when it was last led, and is while there is no coordinator. */
  #resting: AgentState = initialState;
  /** Of its checkpoint, when it was last led. */
  #saved: StatusSources['checkpoint'] = neverSaved;
  #config: Config;
  #account: Account | null = null;
  readonly #meters: StreamMeters;
  readonly #logSizes: LogSizes;
  readonly #sinkActivity: () => SinkActivity;

  constructor({ config, sink, logger, meters, acceptGap, read = tail }: StreamOptions) {
    const watched = watchedSink(sink, (seconds) => {
      meters.delivered(seconds);
    });
    this.#config = config;
    this.sink = watched.sink;
    this.logger = logger;
    this.acceptGap = acceptGap;
    this.read = read;
    this.#logSizes = new LogSizes(logger);
    this.progress = newProgress(config.matching.margin);
    this.#meters = meters;
    this.#sinkActivity = watched.activity;
  }

  get config(): Config {
    return this.#config;
  }

  get name(): string {
    return this.#config.stream;
  }

  /** The servers are reached with this account from now on. */
  use(account: Account): void {
    this.#account = account;
  }

  /** The account of the servers. */
  get account(): Account {
    if (this.#account === null) throw new Error('the stream has no account yet');
    return this.#account;
  }

  /** What it is doing, and has done. */
  get state(): AgentState {
    return stateOf(this.#resting, this.coordinator?.state ?? null);
  }

  /** It isn't led by us any more, or not yet. */
  rests(phase: AgentPhase): void {
    this.#resting = { ...this.state, phase };
    if (this.checkpointer !== null) {
      const { savedAt, failures, droppedEntries } = this.checkpointer;
      this.#saved = { savedAt, failures, droppedEntries, failing: null };
    }
    this.coordinator = null;
    this.supervisor?.rests();
    this.checkpointer = null;
    this.token = null;
  }

  /** Others lead it, and save its checkpoint. */
  standsBy(since: number, leader: string | null): void {
    this.#resting = { ...this.#resting, phase: { kind: 'standby', since, leader } };
    this.#saved = neverSaved;
  }

  status(): AgentStatus {
    return statusOf({
      stream: this.name,
      token: this.token,
      state: this.state,
      progress: this.progress,
      members: this.members(),
      logs: this.#logSizes,
      checkpoint: this.checkpointer ?? this.#saved,
      sink: this.#sinkActivity(),
      now: { monotonicMs: performance.now(), wallMs: Date.now() },
    });
  }

  /** Counts what the state can't tell afterwards: it keeps the last switches only. */
  count(event: AgentEvent): void {
    if (event.type === 'placed' && event.change.from !== null) this.#meters.switched(event.change);
    if (event.type === 'level') this.#meters.level(event.blackoutMs);
  }

  /** The servers as we see them; empty while we neither lead it nor stand by. */
  members(): readonly MemberView[] {
    if (this.coordinator === null && this.state.phase.kind !== 'standby') return [];
    return this.supervisor?.members(this.coordinator?.reading ?? null) ?? [];
  }

  async switchTo(address: Address, signal: AbortSignal): Promise<SwitchReport> {
    const { coordinator, supervisor } = this;
    if (coordinator && supervisor) return supervisor.switchTo(address, coordinator, signal);
    throw refused(formatAddress(address), [whyNotRead(this.state.phase)]);
  }

  /** Takes over a new configuration, as far as a running agent can. */
  reload(config: Config): ReloadReport {
    const report = this.supervisor?.reload(config) ?? nothingApplied(this.#config, config);
    const { servers, source, failover } = config;
    if (this.supervisor) this.#config = { ...this.#config, servers, source, failover };
    return report;
  }

  /**
   * Watches the pool until the signal fires: how its members are, and where their logs end. Gives what to choose and to
   * find places by, and what resolves when all has ended.
   */
  follow(signal: AbortSignal): { followed: Followed; ended: Promise<void> } {
    const { progress, logger, account } = this;
    const breadcrumbs = new Breadcrumbs();
    const watch = new PoolWatch({ logger, breadcrumbs, lastHint: () => progress.keeper.lastHint });
    const supervisor = new Supervisor({ ...{ config: this.#config, account, watch, progress, logger } });
    this.supervisor = supervisor;
    watch.start(signal);
    const ended = this.#logSizes.run(() => {
      const reading = this.members().find((view) => view.reading);
      if (!reading || !isBehind(progress.coordinates, reading)) return null;
      return { address: parseAddress(reading.server), account };
    }, signal);
    return { followed: { supervisor, breadcrumbs }, ended };
  }
}

/** What is known of a pool that is watched. */
export type Followed = { readonly supervisor: Supervisor; readonly breadcrumbs: Breadcrumbs };

const neverSaved = { savedAt: null, failures: 0, droppedEntries: 0, failing: null };

/** Why a stream that has no coordinator can't be moved. */
function whyNotRead(phase: AgentPhase): string {
  switch (phase.kind) {
    case 'standby':
      return 'this agent stands by for the stream';
    case 'failed':
      return `the stream has failed: ${phase.reason}`;
    case 'stopped':
      return `the stream has stopped: ${phase.reason}`;
    case 'starting':
    case 'streaming':
    case 'searching':
      return 'the stream has not begun';
  }
}

/** Before the stream has begun only a restart brings a change about. */
function nothingApplied(before: Config, after: Config): ReloadReport {
  const { added, removed, changed, notApplied } = reloadReport(before, after);
  const servers = added.length + removed.length > 0 ? ['servers'] : [];
  return { added: [], removed: [], changed: [], notApplied: [...servers, ...changed, ...notApplied] };
}
