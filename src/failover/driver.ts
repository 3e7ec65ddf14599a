import type { Logger } from 'pino';
import { randomServerId } from '../dump/dump-stream.js';
import type { StoredCheckpoint } from '../checkpoint/checkpoint.js';
import { type Address, formatAddress } from '../config/address.js';
import { columnRules } from '../config/column-rules.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import type { OwnHistory } from '../matching/own-transactions.js';
import type { Inspection } from '../mysql/inspect.js';
import type { Account, Instance } from '../mysql/instance.js';
import type { Sink, SinkRecovery } from '../sinks/sink.js';
import type { Progress } from '../tail/progress.js';
import type { DeliveredBatch } from '../tail/deliveries.js';
import type { tail } from '../tail/tail.js';
import { abortable, untilAborted } from '../util/abortable.js';
import { isAborted, sleep } from '../util/async.js';
import { epochMs, monotonicMs } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import { formatDuration } from '../util/quantities.js';
import { newPulse, type Pulse } from '../dump/pulse.js';
import { ReportLimit, showDifference } from '../shadow/difference-report.js';
import type { Difference } from '../shadow/pair-ledger.js';
import { besideHeartbeatMs, Shadow, type ShadowView } from '../shadow/shadow.js';
import { SilenceComparison } from '../shadow/silence-comparison.js';
import type { ContentOptions } from '../shadow/transaction-content.js';
import { Breadcrumbs } from '../pool/breadcrumbs.js';
import { type CandidateOptions, type Place, type StreamHistory, tryCandidate } from '../resume/candidate.js';
import type { Checkpointer } from '../tail/checkpointer.js';
import { firstPlace } from '../resume/first-place.js';
import { investigate } from './investigation.js';
import type { Action } from './machine/action.js';
import type { Happening } from './machine/event.js';
import { provedShadow } from './machine/shadow.js';
import { initialState, type Settings, type StreamState } from './machine/state.js';
import { transition } from './machine/transition.js';
import type { MemberView } from './member-view.js';
import { viewsOf } from './findings.js';
import { configuredSource, type FoundMember, type Member, poolOf } from '../pool/members.js';
import { OwnTransactions } from '../pool/own-transactions.js';
import { PoolWatch } from '../pool/pool-watch.js';
import { type ReloadReport, reloadReport } from './reload.js';
import { placedOf, standOf } from './known-place.js';
import { historyOf, type ReadingPlace, readingPlaceOf, standsInOrder } from '../resume/reading-place.js';
import type { Switch, SwitchReport } from './switch.js';

/** What the driver works with. */
export type DriverOptions = {
  readonly config: Config;
  readonly progress: Progress;
  readonly logger: Logger;
  /** Reads one server and delivers what is read: `tail`, or a replacement. */
  readonly read: typeof tail;
  readonly meters: {
    switched(change: Switch): void;
    level(blackoutMs: number): void;
    differed(server: string, kind: Difference['kind']): void;
  };
};

/** What a leader has opened, and where it goes on. */
export type Opened = {
  readonly filter: TableFilter;
  readonly sink: Sink;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  readonly layouts: ProvedLayouts;
  readonly checkpointer: Checkpointer;
  readonly stored: StoredCheckpoint | null;
  readonly recovery: SinkRecovery;
  /** Whether to begin anew, with a record of the gap, if the place is lost. */
  readonly acceptGap: boolean;
};

/** A server that is read beside the stream's. */
type BesideRead = {
  /** Ends reading it. */
  readonly ending: AbortController;
  /** Null until its place is proved. */
  shadow: Shadow | null;
};

/** What runs while this agent leads the stream. */
type Work = {
  readonly opened: Opened;
  readonly signal: AbortSignal;
  /** Ends everything, with the reason for which the stream ends. */
  readonly end: (error: unknown) => void;
  readonly tasks: Set<Promise<void>>;
  /** The id under which servers know us. */
  serverId: number;
  /** Ends all attempts. */
  trying: AbortController;
  /** Ends reading. */
  reading: AbortController;
  /** What candidates are compared with. */
  history: StreamHistory | null;
  /** The proved places, by server. */
  readonly places: Map<string, Place>;
  source: ReadingPlace | null;
  /** Shows whether the server that is read is being waited for. */
  pulse: Pulse;
  /** The servers that are read beside it. */
  readonly beside: Map<string, BesideRead>;
  readonly reports: ReportLimit;
  /** Settles when what was found to differ so far has been shown. */
  reported: Promise<void>;
  /** Who waits for the place to begin. */
  begins: { resolve(source: ReadingPlace): void; reject(error: Error): void } | null;
  savesLast: boolean;
};

/** Actions that only a leader carries out. */
type WorkAction = Exclude<Action, { readonly do: 'log' | 'count-switch' | 'count-blackout' | 'answer' }>;

/** An operator's order that has no answer yet. */
type Order = {
  readonly signal: AbortSignal;
  readonly resolve: (report: SwitchReport) => void;
  readonly reject: (error: Error) => void;
};

/** From one judgement to the next. */
const judgementMs = 250;

/** Ends the tail of a server that is left while the stream from it still runs. */
class Interruption extends Error {
  override readonly name = 'Interruption';
}

/**
 * Drives one stream. It owns the state, reports events to the state machine (src/failover/machine/transition.ts), and
 * carries out its actions. It decides nothing itself.
 */
export class Driver {
  readonly #options: DriverOptions;
  #config: Config;
  #account: Account | null = null;
  #pool: readonly Member[] = [];
  /** Members beside those that the configuration names. */
  #found: readonly FoundMember[] = [];
  /** All members, even those that were removed from the pool. The stream may still go on there. */
  readonly #known = new Map<string, Member>();
  #state: StreamState;
  #watch: PoolWatch | null = null;
  #breadcrumbs = new Breadcrumbs();
  #work: Work | null = null;
  readonly #orders = new Map<number, Order>();
  #lastOrder = 0;
  readonly #happenings: Happening[] = [];
  #isTelling = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#state = initialState(settingsOf(options.config));
  }

  get state(): StreamState {
    return this.#state;
  }

  get config(): Config {
    return this.#config;
  }

  /** Something has happened. The state changes only here. Then the actions begin. */
  tell(happening: Happening): void {
    this.#happenings.push(happening);
    // Events that an action causes at once wait until the earlier actions have begun.
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let next = this.#happenings.shift(); next; next = this.#happenings.shift()) {
        const now = { atMs: monotonicMs(), wallMs: epochMs() };
        const { state, actions } = transition(this.#state, { ...next, ...now });
        this.#state = state;
        for (const action of actions) this.#carryOut(action);
      }
    } finally {
      this.#isTelling = false;
    }
  }

  /** Watches the pool until the signal fires: the state of its members, and the ends of their logs. */
  follow(account: Account, signal: AbortSignal): void {
    const { progress, logger } = this.#options;
    this.#account = account;
    this.#breadcrumbs = new Breadcrumbs();
    this.#watch = new PoolWatch({
      ...{ logger, breadcrumbs: this.#breadcrumbs },
      lastHint: () => progress.keeper.lastHint,
    });
    this.#configure(this.#config);
    this.tell({ type: 'watched' });
    this.#watch.start(signal);
  }

  /** Takes over a new configuration, as far as a running agent can. Null if the pool was never watched. */
  reload(config: Config): ReloadReport | null {
    if (this.#watch === null) return null;
    const report = reloadReport(this.#config, config);
    const { servers, source, failover } = config;
    this.#configure({ ...this.#config, servers, source, failover });
    return report;
  }

  /** Sets the members beside those that the configuration names. */
  discover(found: readonly FoundMember[]): void {
    this.#found = found;
    this.#configure(this.#config);
  }

  #configure(config: Config): void {
    this.#config = config;
    if (this.#account === null) return;
    this.#pool = poolOf(config, this.#account, this.#found);
    this.#watch?.setPool(this.#pool, configuredSource(config, this.#account, this.#found));
    for (const member of this.#pool) this.#known.set(member.name, member);
    const pool = this.#pool.map(({ name, priority, avoided }) => ({ name, priority, avoided }));
    this.tell({ type: 'configured', pool, settings: settingsOf(config) });
  }

  /** How a member is reached, by its name. Null if it isn't in the pool. */
  instanceOf(name: string): Instance | null {
    return this.#pool.find((member) => member.name === name)?.instance ?? null;
  }

  /** The pool as the agent sees it. */
  members(): readonly MemberView[] {
    const { phase, memory } = this.#state;
    const server = phase.kind === 'reading' ? phase.server : null;
    const { lastHeardAtMs } = this.#options.progress;
    const silentMs = monotonicMs() - (lastHeardAtMs ?? monotonicMs());
    const input = {
      members: this.#pool,
      sights: this.#watch?.sights() ?? [],
      reading: server === null ? null : { server, stream: { error: null, silentMs } },
      stalledAfterMs: memory.settings.stalledAfterMs,
    };
    return viewsOf(input, memory);
  }

  /** The server that is read beside the stream's. Null if there is none. */
  get shadow(): ShadowView | null {
    return this.#work === null ? null : (this.#shadowIn(this.#work)?.view ?? null);
  }

  /** The server that the stream can go over to at once. */
  #shadowIn(work: Work): Shadow | null {
    const server = provedShadow(this.#state.memory);
    return server === null ? null : (work.beside.get(server)?.shadow ?? null);
  }

  /** @throws WaymarkError `switch-refused`. Then the stream goes on where it was. */
  switchTo(target: Address, signal: AbortSignal): Promise<SwitchReport> {
    this.#lastOrder += 1;
    const order = this.#lastOrder;
    return new Promise((resolve, reject) => {
      this.#orders.set(order, { signal, resolve, reject });
      this.tell({ type: 'ordered', order, target: formatAddress(target) });
    });
  }

  /**
   * Leads the stream: finds the place to begin, and goes on from one server to the next. Rejects when everything has
   * ended: with the signal's reason, or with the error that stops the stream for good (`diverged`, an unsupported
   * event, the sink's error, no server that can go on).
   * @param saveLast saves the last checkpoint. Called when everything else has ended, if there is something to save.
   */
  async lead(opened: Opened, saveLast: () => Promise<void>, signal: AbortSignal): Promise<never> {
    const over = new AbortController();
    let end: Work['end'] = () => undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      end = reject;
    });
    const work: Work = {
      ...{ opened, end, tasks: new Set(), trying: new AbortController(), reading: new AbortController() },
      signal: AbortSignal.any([signal, over.signal]),
      serverId: this.#config.serverId ?? randomServerId(),
      ...{ history: null, places: new Map(), source: null, begins: null, savesLast: false },
      ...{ pulse: newPulse(), beside: new Map(), reports: new ReportLimit() },
      reported: Promise.resolve(),
    };
    this.#work = work;
    this.tell({ type: 'led' });
    this.#begin(opened.sink.watch?.(work.signal) ?? untilAborted(work.signal));
    this.#begin(this.#findFirst(work));
    this.#begin(this.#tick(work));
    if (this.#config.shadow !== null) this.#begin(this.#listen(work));
    try {
      return await ended;
    } catch (error) {
      // From now on, not only when everything is closed.
      this.tell({ type: 'ended', error });
      throw error;
    } finally {
      over.abort();
      while (work.tasks.size > 0) await Promise.all(work.tasks);
      this.#work = null;
      if (work.savesLast) await saveLast();
    }
  }

  /** Runs a task while the stream is led. If it fails, the stream ends. */
  #begin(task: Promise<unknown>): void {
    const work = this.#work;
    if (work === null) return;
    const running = task.then(
      () => undefined,
      (error: unknown) => {
        work.end(error);
      },
    );
    work.tasks.add(running);
    void running.then(() => work.tasks.delete(running));
  }

  async #tick(work: Work): Promise<never> {
    for (;;) {
      await sleep(judgementMs, work.signal);
      const sights = this.#watch?.sights() ?? [];
      const { lastHeardAtMs } = this.#options.progress;
      const shadow = this.#shadowIn(work);
      const shown = shadow?.equal ?? null;
      const equal = shadow === null || shown === null ? null : { server: shadow.server, ...shown };
      this.tell({ type: 'tick', sights, lastHeardAtMs, equal });
    }
  }

  async #findFirst(work: Work): Promise<void> {
    const { progress, logger } = this.#options;
    const { stored, recovery, ...opened } = work.opened;
    const options = {
      ...{ ...opened, config: this.#config, progress, logger, pool: () => this.#pool },
      search: (history: StreamHistory, before: Member | null): Promise<ReadingPlace> =>
        this.#resume(work, history, before),
    };
    const source = await firstPlace(options, stored, recovery, work.signal);
    this.#placed(work, source);
  }

  #resume(work: Work, history: StreamHistory, before: Member | null): Promise<ReadingPlace> {
    work.history = history;
    const found = new Promise<ReadingPlace>((resolve, reject) => {
      work.begins = { resolve, reject };
    });
    this.tell({ type: 'resumed', before: before?.name ?? null });
    return abortable(found, work.signal);
  }

  #placed(work: Work, source: ReadingPlace): void {
    work.source = source;
    work.pulse = source.dump?.pulse ?? newPulse();
    // What was held against the stream so far is the shadow's own place now, or of another order.
    for (const { ending, shadow } of work.beside.values()) {
      if (source.dump === undefined || source.dump !== shadow) {
        ending.abort(new Error('the stream goes on elsewhere'));
      }
    }
    this.tell({ type: 'placed', place: placedOf(source, this.#options.progress.anchors) });
  }

  #carryOut(action: Action): void {
    const { logger, meters } = this.#options;
    switch (action.do) {
      case 'log':
        logger[action.level](action.fields, action.message);
        return;
      case 'count-switch':
        meters.switched(action.change);
        return;
      case 'count-blackout':
        meters.level(action.blackoutMs);
        return;
      case 'answer':
        this.#answer(action.order, action.outcome);
        return;
      case 'read':
      case 'leave':
      case 'look':
      case 'investigate':
      case 'renew-server-id':
      case 'wait':
      case 'survey':
      case 'try':
      case 'stop-trying':
      case 'take':
      case 'rehearse':
      case 'shadow':
      case 'end-shadow':
      case 'look-beside':
      case 'give-up':
      case 'end':
      case 'save-last':
        if (this.#work !== null) this.#doWork(this.#work, action);
    }
  }

  /** The actions of a leader. */
  #doWork(work: Work, action: WorkAction): void {
    switch (action.do) {
      case 'read':
        this.#begin(this.#read(work, action.save));
        return;
      case 'leave':
        work.reading.abort(new Interruption());
        return;
      case 'look':
        this.#watch?.beginLooks(action.sinceMs, work.signal);
        return;
      case 'investigate':
        this.#begin(this.#investigate(work, action));
        return;
      case 'renew-server-id':
        this.#renewServerId(work, action);
        return;
      case 'wait':
        this.#begin(this.#wait(this.#trial(work), action.ms));
        return;
      case 'survey':
        this.tell({ type: 'surveyed', sights: this.#watch?.sights() ?? [] });
        return;
      case 'try':
        this.#begin(this.#try(work, this.#trial(work), action));
        return;
      case 'stop-trying':
        work.trying.abort(new Error('nobody is tried any more'));
        work.trying = new AbortController();
        return;
      case 'take':
        this.#take(work, action.server);
        return;
      case 'rehearse':
        this.#begin(this.#rehearse(work, this.#trial(work), action));
        return;
      case 'shadow':
        this.#begin(this.#readBeside(work, action.server));
        return;
      case 'end-shadow':
        work.beside.get(action.server)?.ending.abort(new Error('the shadow is no longer wanted'));
        return;
      case 'look-beside':
        this.#begin(this.#lookBeside(work, action));
        return;
      case 'give-up':
        work.begins?.reject(action.error);
        return;
      case 'end':
        work.end(action.error);
        return;
      case 'save-last':
        work.savesLast = true;
        return;
    }
  }

  /** Fires when all attempts end, or everything ends. */
  #trial({ signal, trying }: Work): AbortSignal {
    return AbortSignal.any([signal, trying.signal]);
  }

  #answer(id: number, outcome: SwitchReport | WaymarkError): void {
    const order = this.#orders.get(id);
    this.#orders.delete(id);
    if (outcome instanceof WaymarkError) order?.reject(outcome);
    else order?.resolve(outcome);
  }

  #memberNamed(name: string): Member {
    const member = this.#known.get(name);
    if (member === undefined) throw new RangeError(`${name} has never been in the pool`);
    return member;
  }

  #take(work: Work, server: string): void {
    const place = work.places.get(server);
    if (place === undefined) return;
    work.places.clear();
    const source = readingPlaceOf(place);
    const { begins } = work;
    work.begins = null;
    if (begins === null) this.#placed(work, source);
    else begins.resolve(source);
  }

  /** Reads one server until its stream ends, by itself or because it is left. */
  async #read(work: Work, save: 'start' | 'switch'): Promise<void> {
    const { progress } = this.#options;
    const { source, signal, opened } = work;
    if (source === null) return;
    const { member, inspection, resume } = source;
    const { facts } = inspection;
    progress.coordinates = resume.coordinates;
    progress.keeper.moveTo(resume.trail, resume.sequence);
    if (resume.delivered) progress.delivered = resume.delivered;
    progress.sourceServerId = resume.sourceServerId;
    const server = { ...member.instance.address, serverId: facts.serverId, uuid: facts.uuid };
    opened.checkpointer.reading(server, standsInOrder(source, progress.anchors));
    work.reading = new AbortController();
    const reading = AbortSignal.any([signal, work.reading.signal]);
    this.#watch?.proved(member.name, inspection);
    await opened.checkpointer.begin(save, signal);
    this.tell({ type: 'begun' });
    try {
      await this.#tail(work, source, reading);
    } catch (error) {
      if (signal.aborted) throw error;
      work.history = historyOf(progress, source);
      const { lastHeardAtMs } = progress;
      const stand = standOf(progress);
      if (error instanceof Interruption) this.tell({ type: 'stream-left', lastHeardAtMs, stand });
      else this.tell({ type: 'stream-ended', error, lastHeardAtMs, stand });
    }
  }

  #tail(work: Work, source: ReadingPlace, reading: AbortSignal): Promise<never> {
    const { progress, logger, read } = this.#options;
    const { opened, serverId, signal } = work;
    const { checkpointer, layouts, filter, sink, sinkSignal } = opened;
    const { member, inspection, resume, ordered, dump } = source;
    const config = this.#config;
    return read({
      pulse: work.pulse,
      ...(dump === undefined ? {} : { openDump: dump.takeOver.bind(dump) }),
      ...(config.shadow === null ? {} : { heartbeatMs: besideHeartbeatMs }),
      ...{ instance: member.instance, inspection, resume, ordered, progress, layouts, filter, sink, logger },
      own: this.#ownOf(member, inspection, reading),
      ...{ signal: reading, sinkSignal, serverId },
      onBatch: async (batch: DeliveredBatch) => {
        this.tell({ type: 'batch', ...batch });
        await checkpointer.between(batch.hints > 0, signal);
      },
      onDivergence: config.failover.onDivergence,
      format: config.hints,
      unprovedNames: config.unprovedNames,
      columns: columnRules(config.columns),
      rowImage: config.rowImage,
      query: config.records.query,
    });
  }

  async #investigate(
    work: Work,
    { server, sinceMs, graceMs }: Extract<Action, { do: 'investigate' }>,
  ): Promise<void> {
    if (this.#watch === null) return;
    const member = this.#memberNamed(server);
    const { place, trail } = historyIn(work);
    const asked = {
      ...{ member, watch: this.#watch, format: this.#config.hints, sinceMs, graceMs },
      place: { ...place, trail },
    };
    this.tell({ type: 'looked', ...(await investigate(asked, work.signal)) });
  }

  #renewServerId(work: Work, { server, error }: Extract<Action, { do: 'renew-server-id' }>): void {
    const before = work.serverId;
    const now = randomServerId();
    work.serverId = now;
    this.#options.logger.warn(
      {
        event: 'server-id.changed',
        ...{ server, errorNumber: error.details['errorNumber'], before, now, reason: error.message },
      },
      `${server} ended the stream as it does when another reader uses the same server id (${before}). Going ` +
        `on with ${now}. Set serverId to a number that nothing else uses, or leave it out`,
    );
  }

  /** Waits, unless the wait is cancelled. */
  async #wait(trial: AbortSignal, ms: number): Promise<void> {
    await sleep(ms, trial).catch(() => undefined);
    if (!trial.aborted) this.tell({ type: 'woken' });
  }

  /** Tries one server: can the stream go on from it? */
  async #try(
    work: Work,
    trial: AbortSignal,
    { server, inMs, limitMs }: Extract<Action, { do: 'try' }>,
  ): Promise<void> {
    if (inMs > 0) await sleep(inMs, trial).catch(() => undefined);
    if (trial.aborted) return;
    const member = this.#memberNamed(server);
    const options = {
      ...this.#candidateOptions(work, historyIn(work)),
      onBehind: () => {
        if (!trial.aborted) this.tell({ type: 'behind', server });
      },
    };
    const limit = { isOver: false };
    try {
      const place =
        limitMs === null
          ? await tryCandidate(member, options, trial)
          : await within(limitMs, [trial], async (limited) => {
              limited.addEventListener('abort', () => (limit.isOver = true), { once: true });
              return this.#prove(work, member, options, limited);
            });
      if (isAborted(trial)) return;
      work.places.set(server, place);
      this.tell({ type: 'proved', server });
    } catch (error) {
      if (!isAborted(trial)) this.tell({ type: 'not-proved', server, error, late: limit.isOver });
    }
  }

  /** Lets a server show that the stream could go on from it, while the stream runs elsewhere. */
  async #rehearse(
    work: Work,
    trial: AbortSignal,
    { order, server, limitMs }: Extract<Action, { do: 'rehearse' }>,
  ): Promise<void> {
    const { source } = work;
    if (source === null) return;
    const member = this.#memberNamed(server);
    const asked = order === null ? null : this.#orders.get(order);
    const waiting = { isBehind: false };
    const options = {
      ...this.#candidateOptions(work, historyOf(this.#options.progress, source)),
      onBehind: () => {
        waiting.isBehind = true;
      },
    };
    try {
      const signals = asked ? [trial, asked.signal] : [trial];
      await within(limitMs, signals, (limited) => this.#prove(work, member, options, limited));
      if (!trial.aborted) this.tell({ type: 'rehearsed' });
    } catch (error) {
      if (!trial.aborted) this.tell({ type: 'not-rehearsed', error, behind: waiting.isBehind });
    }
  }

  /** Proves a place on a server: on the shadow from what it has shown, elsewhere from the log. */
  async #prove(work: Work, member: Member, options: CandidateOptions, signal: AbortSignal): Promise<Place> {
    const shadow = work.beside.get(member.name)?.shadow ?? null;
    if (shadow === null) return tryCandidate(member, options, signal);
    try {
      return await shadow.prove(signal);
    } catch {
      signal.throwIfAborted();
      // It has ended, or differs. The log tells more.
      return tryCandidate(member, options, signal);
    }
  }

  /** Reads a server beside the stream's, until it differs, breaks, or the stream goes over to it. */
  async #readBeside(work: Work, server: string): Promise<void> {
    const { progress } = this.#options;
    const { source } = work;
    if (source === null) return;
    const beside: BesideRead = { ending: new AbortController(), shadow: null };
    work.beside.set(server, beside);
    const { signal } = beside.ending;
    try {
      const candidate = this.#candidateOptions(work, historyOf(progress, source));
      const shadow = await Shadow.begin(
        {
          ...{ member: this.#memberNamed(server), candidate, keeper: progress.keeper },
          ...{ delivered: () => progress.delivered, annotations: this.#config.records.query },
          ...{ serverId: randomServerId(), bufferBytes: this.#config.shadowBuffer },
          onDifferences: (found) => {
            if (beside.shadow !== null) this.#report(work, source, beside.shadow, found);
          },
          isStreamWaiting: () => work.pulse.waitingSinceMs !== null,
        },
        AbortSignal.any([work.signal, signal]),
      );
      beside.shadow = shadow;
      this.#watch?.proved(server, shadow.inspection);
      this.tell({ type: 'shadow-began', server });
      await shadow.run();
    } catch (error) {
      if (!work.signal.aborted && !signal.aborted) this.tell({ type: 'shadow-ended', server, error });
    } finally {
      if (work.beside.get(server) === beside) work.beside.delete(server);
    }
  }

  /** Counts what the stream's server and its shadow have otherwise, and shows it, one after the other. */
  #report(work: Work, source: ReadingPlace, shadow: Shadow, found: readonly Difference[]): void {
    const { opened, reports, signal } = work;
    const { filter, layouts } = opened;
    const { server } = shadow;
    const contentOn = ({ instance }: Member, { facts }: Inspection): ContentOptions => ({
      ...{ instance, vendor: facts.version.vendor, layouts, filter },
      columns: columnRules(this.#config.columns),
    });
    for (const difference of found) {
      this.#options.meters.differed(server, difference.kind);
      const more = reports.take(monotonicMs());
      if (more === null) continue;
      work.reported = work.reported.then(async () => {
        if (signal.aborted) return;
        const both = {
          delivered: contentOn(source.member, source.inspection),
          beside: contentOn(this.#memberNamed(server), shadow.inspection),
        };
        const shown = await showDifference(difference, both, signal);
        const report = { difference, server, other: source.member.name, more, ...shown };
        this.tell({ type: 'shadow-differs', report });
      });
      this.#begin(work.reported);
    }
  }

  /** Compares the server that is read with its shadow, to notice that it has fallen silent, or lags. */
  async #listen(work: Work): Promise<never> {
    const silence = new SilenceComparison(this.#config.failover.silentBesideMs);
    for (;;) {
      const { lateMs } = await silence.pause(work.signal);
      const { source, pulse } = work;
      const shadow = this.#shadowIn(work);
      if (shadow === null || source === null) continue;
      const server = source.member.name;
      const isWaiting = pulse.waitingSinceMs !== null && !this.#options.progress.isDelivering;
      const lead = shadow.lag.compare(shadow.aheadSinceMs, isWaiting, lateMs);
      if (lead !== null) this.tell({ type: 'led-by-shadow', server, ...lead });
      const silentMs = shadow.isLevel ? silence.compare(pulse, shadow.pulse, lateMs) : null;
      if (silentMs === null) continue;
      const reason = `nothing has come from it for ${formatDuration(silentMs)}, while ${shadow.server} was heard of`;
      this.tell({ type: 'silent-beside', server, reason });
    }
  }

  /** Looks at the server that is read and at its shadow. */
  async #lookBeside(
    { signal }: Work,
    { server, shadow, sinceMs }: Extract<Action, { do: 'look-beside' }>,
  ): Promise<void> {
    const watch = this.#watch;
    if (watch === null) return;
    await Promise.all([server, shadow].map((name) => watch.look(name, sinceMs, signal)));
    this.tell({ type: 'looked-beside', server, shadow, sights: watch.sights() });
  }

  #candidateOptions({ opened }: Work, history: StreamHistory): CandidateOptions {
    const config = this.#config;
    return {
      history,
      margin: config.matching.margin,
      format: config.hints,
      onDivergence: config.failover.onDivergence,
      filter: opened.filter,
      breadcrumbs: this.#breadcrumbs,
      logger: this.#options.logger,
      ownOf: this.#ownOf.bind(this),
    };
  }

  #ownOf(member: Member, inspection: Inspection, signal: AbortSignal): OwnHistory {
    if (this.#watch === null) throw new RangeError('nobody watches the pool');
    const { logger } = this.#options;
    return new OwnTransactions({ member, inspection, watch: this.#watch, logger, signal });
  }
}

/** The settings that the state machine uses. */
function settingsOf({ failover, shadow }: Config): Settings {
  return { ...failover, shadow };
}

/** What candidates are compared with. It is set before any is tried. */
function historyIn({ history }: Work): StreamHistory {
  if (history === null) throw new RangeError('nothing is known of what was delivered');
  return history;
}
