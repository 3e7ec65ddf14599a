import type { Logger } from 'pino';
import type { Address } from '../config/address.js';
import type { Config } from '../config/schema.js';
import type { Checkpointer } from '../tail/checkpointer.js';
import { Driver } from '../failover/driver.js';
import { Discovery } from '../pool/discovery.js';
import type { FoundMember } from '../pool/members.js';
import { HostNames } from '../pool/host-names.js';
import { isBehind, LogSizes } from '../pool/log-sizes.js';
import { shown } from '../failover/machine/shown-state.js';
import { isLed, type Retry } from '../failover/machine/state.js';
import type { MemberView } from '../failover/member-view.js';
import { type ReloadReport, reloadReport } from '../failover/reload.js';
import { type AgentStatus, statusOf, type StatusSources } from '../failover/status.js';
import type { SwitchReport } from '../failover/switch.js';
import type { StreamMeters } from '../http/metrics.js';
import type { Election } from '../election/election.js';
import { InjectorWatch } from '../injection/injector-watch.js';
import type { Account } from '../mysql/instance.js';
import { watchedSink, type SinkActivity } from '../sinks/watched-sink.js';
import type { Sink } from '../sinks/sink.js';
import { newProgress, type Progress } from '../tail/progress.js';
import { tail } from '../tail/tail.js';
import { epochMs, monotonicMs } from '../util/clock.js';

/** What a stream needs. */
export type StreamOptions = {
  readonly config: Config;
  readonly sink: Sink;
  readonly logger: Logger;
  readonly meters: StreamMeters;
  /** Whether the stream begins anew, with a record of the gap, if its place is lost. */
  readonly acceptGap: boolean;
  /** Reads one server and delivers to the sink. {@link tail} by default. */
  readonly read?: typeof tail;
};

/** One stream of an agent: what lasts through all its leaderships, and its status. */
export class Stream {
  readonly sink: Sink;
  readonly logger: Logger;
  readonly acceptGap: boolean;
  readonly progress: Progress;
  /** Owns the stream's state and decides what it does next. */
  readonly driver: Driver;
  /** Null while this agent doesn't lead the stream. */
  checkpointer: Checkpointer | null = null;
  /** The token of this agent's leadership, 0 without an election. Null while this agent doesn't lead. */
  token: number | null = null;
  /** What was known of the checkpoint when this agent last led. */
  #saved: StatusSources['checkpoint'] = neverSaved;
  #account: Account | null = null;
  readonly #logSizes: LogSizes;
  /** Null: the pool is what the configuration says. */
  readonly #discovery: Discovery | HostNames | null;
  /** Null: nobody looks at the injectors' lease. */
  #injectors: InjectorWatch | null = null;
  readonly #sinkActivity: () => SinkActivity;

  constructor({ config, sink, logger, meters, acceptGap, read = tail }: StreamOptions) {
    const watched = watchedSink(sink, (seconds) => {
      meters.delivered(seconds);
    });
    this.sink = watched.sink;
    this.logger = logger;
    this.acceptGap = acceptGap;
    this.progress = newProgress(config.matching.margin);
    this.driver = new Driver({ config, progress: this.progress, logger, read, meters });
    this.#logSizes = new LogSizes(logger);
    this.#discovery = config.discover && this.#discoveryOf(config, config.discover);
    this.#sinkActivity = watched.activity;
  }

  get config(): Config {
    return this.driver.config;
  }

  get name(): string {
    return this.config.stream;
  }

  /** Sets the account for the servers, from now on. */
  use(account: Account): void {
    this.#account = account;
  }

  /** The account for the servers. */
  get account(): Account {
    if (this.#account === null) throw new Error('the stream has no account yet');
    return this.#account;
  }

  /** This agent no longer leads the stream. What is known of its checkpoint is kept. */
  rests(): void {
    if (this.checkpointer !== null) {
      const { savedAt, failures, droppedEntries } = this.checkpointer;
      this.#saved = { savedAt, failures, droppedEntries, failing: null };
    }
    this.checkpointer = null;
    this.token = null;
  }

  /** The stream was given up: for good (null), or until it is tried again. */
  halted(reason: string, retry: Retry | null): void {
    this.driver.tell({ type: 'halted', reason, retry });
    this.rests();
  }

  /** Another agent leads the stream and saves its checkpoint. */
  standsBy(since: number, leader: string | null): void {
    this.driver.tell({ type: 'stood-by', since, leader });
    this.#saved = neverSaved;
  }

  status(): AgentStatus {
    return statusOf({
      stream: this.name,
      token: this.token,
      state: shown(this.driver.state),
      progress: this.progress,
      members: this.members(),
      shadow: this.driver.shadow,
      logs: this.#logSizes,
      checkpoint: this.checkpointer ?? this.#saved,
      sink: this.#sinkActivity(),
      injectors: this.#injectors?.lease ?? null,
      now: { monotonicMs: monotonicMs(), wallMs: epochMs() },
    });
  }

  /** Returns the servers as this agent sees them. Empty while it neither leads the stream nor stands by. */
  members(): readonly MemberView[] {
    const { phase } = this.driver.state;
    return isLed(phase) || phase.kind === 'standing-by' ? this.driver.members() : [];
  }

  /** @throws WaymarkError `switch-refused`: see Agent.switchTo. */
  switchTo(address: Address, signal: AbortSignal): Promise<SwitchReport> {
    return this.driver.switchTo(address, signal);
  }

  /** Applies a new configuration, as far as a running agent can. */
  reload(config: Config): ReloadReport {
    return this.driver.reload(config) ?? nothingApplied(this.config, config);
  }

  /**
   * Watches the pool until the signal fires: the state of its members, where their logs end, who else is a member, and
   * who injects hints. The promise resolves when all of that has ended.
   * @param injectors the election of the injectors. Null: it isn't looked at.
   */
  async follow(injectors: Election | null, signal: AbortSignal): Promise<void> {
    const { account } = this;
    this.driver.follow(account, signal);
    const sizes = this.#logSizes.run(() => {
      const reading = this.members().find((view) => view.reading);
      if (!reading || !isBehind(this.progress.coordinates, reading)) return null;
      return this.driver.instanceOf(reading.server);
    }, signal);
    this.#injectors = injectors && new InjectorWatch(injectors, this.logger);
    await Promise.all([sizes, this.#discovery?.run(account, signal), this.#injectors?.run(signal)]);
  }

  /** Learns what must be known of the pool before it is watched: whom host names stand for, if they are resolved. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#discovery instanceof HostNames) await this.#discovery.begin(signal);
  }

  /** The stream's checkpoint names this server. It may have been discovered. */
  wasReadFrom(server: Address): void {
    this.#discovery?.remember(server);
  }

  #discoveryOf(
    { filter }: Config,
    { from, dropAfterMs }: NonNullable<Config['discover']>,
  ): Discovery | HostNames {
    const { logger } = this;
    const withSource = <Extra extends object>(extra: Extra) => {
      const { servers, source } = this.config;
      return source === undefined ? servers : [...servers, { address: source, ...extra }];
    };
    const onChange = (found: readonly FoundMember[]): void => {
      this.driver.discover(found);
    };
    const common = { dropAfterMs, logger, onChange };
    switch (from) {
      case 'replicas':
        return new Discovery({ ...common, configured: () => withSource({}), tables: filter });
      case 'dns':
        return new HostNames({ ...common, configured: () => withSource({ onlySeveral: true }) });
    }
  }
}

const neverSaved = { savedAt: null, failures: 0, droppedEntries: 0, failing: null };

/** Says that nothing was applied: before a stream has begun, only a restart applies a change. */
function nothingApplied(before: Config, after: Config): ReloadReport {
  const { added, removed, changed, notApplied } = reloadReport(before, after);
  const servers = added.length + removed.length > 0 ? ['servers'] : [];
  return { added: [], removed: [], changed: [], notApplied: [...servers, ...changed, ...notApplied] };
}
