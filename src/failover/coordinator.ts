import { columnRules } from '../config/column-rules.js';
import type { Logger } from 'pino';
import { within } from '../util/limits.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import type { ProvedLayouts } from '../layouts/proved-layouts.js';
import type { Sink } from '../sinks/sink.js';
import type { Progress } from '../tail/progress.js';
import type { DeliveredBatch, tail } from '../tail/tail.js';
import { sleep } from '../util/async.js';
import { messageOf, type WaymarkError } from '../util/errors.js';
import { displayHint } from '../hints/hint.js';
import { UnreadableError } from '../tail/unreadable.js';
import { Arrival } from './arrival.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import { type CandidateOptions, tryCandidate } from './candidate.js';
import type { Checkpointer } from './checkpointer.js';
import { isServerLost } from './diagnosis.js';
import { findOut } from './lost-stream.js';
import { Interruption, type Loss, type Move, reportOf } from './move.js';
import type { Member } from './pool.js';
import { nextPlace } from './next-place.js';
import { ServerId } from './server-id.js';
import { historyOf, type Source, standsInOrder, switchOf } from './source.js';
import { type AgentEvent, type AgentState, initialState, type Switch, transition } from './state.js';
import { logArrival, logIsolated, logLeft, logLost, logPlaced, logSuspicion } from './switch-log.js';
import type { Supervisor } from './supervisor.js';
import { refused, type SwitchReport } from './switching.js';
import { formatDuration } from '../util/quantities.js';
import { UnreadableContent } from './unreadable.js';

export type CoordinatorOptions = {
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly filter: TableFilter;
  readonly sink: Sink;
  readonly progress: Progress;
  readonly layouts: ProvedLayouts;
  readonly checkpointer: Checkpointer;
  readonly breadcrumbs: Breadcrumbs;
  readonly logger: Logger;
  readonly sinkSignal: AbortSignal;
  /** Reads one server, and delivers what is read: `tail`, unless it is delivered otherwise. */
  readonly read: typeof tail;
  /** Told of everything that changes the state. */
  readonly onEvent: (event: AgentEvent) => void;
};

/** A stream that breaks so often without having brought anything is a lost server, whatever the probe says. */
const brokenStreamsBorne = 3;

/** Where no server has anything to bring, they aren't asked in a hurry: what the log has may be what breaks streams. */
const brokenStreamsPauseMs = { first: 250, last: 5000 } as const;

/** How long a member may take to show, while the stream runs elsewhere, that it could go on with it. */
const rehearsalMs = 5000;

/** Reads the stream from one server after the other: tails, notices that a server is lost, finds the next place. */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  #state: AgentState = initialState;
  #brokenInARow = 0;
  readonly #unreadable = new UnreadableContent();
  readonly #serverId: ServerId;
  #heardOnStream = false;
  #source: Source | null = null;
  #interruption = new AbortController();
  /** Asked for, and not over yet. */
  #move: Move | null = null;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#serverId = new ServerId(options.config.serverId, options.logger);
  }

  get state(): AgentState {
    return this.#state;
  }

  /** What is read now; null while the next place is looked for. */
  get reading(): Source | null {
    return this.#state.phase.kind === 'streaming' ? this.#source : null;
  }

  /**
   * Streams from `first` on. Ends by rejecting: with the signal's reason, or with what stops the stream for good
   * (`diverged`, an unsupported event, the sink's error, no server that can go on).
   */
  async run(first: Source, signal: AbortSignal): Promise<never> {
    let source = first;
    let loss: Loss | null = null;
    try {
      for (;;) {
        const lost = source;
        loss = await this.#stream(lost, loss, signal);
        const options = (): CandidateOptions => this.#candidateOptions(lost);
        source = await nextPlace(loss, this.#options.supervisor, options, signal);
      }
    } finally {
      this.#move?.refuse('the agent stops');
    }
  }

  stopped(reason: string): void {
    this.#apply({ type: 'stopped', reason });
  }

  /**
   * Leaves a server whose stream runs: for `target`, which must first show that it can go on, or for whoever can.
   * @throws WaymarkError `switch-refused`; the stream then goes on where it was.
   */
  async move(move: Move, signal: AbortSignal): Promise<SwitchReport> {
    const { target } = move;
    const name = target?.name ?? 'another server';
    if (this.#move) throw refused(name, ['another switch is under way']);
    const source = this.reading;
    if (source === null)
      throw refused(name, ['no stream runs that could move: the agent is looking for a place']);
    this.#move = move;
    try {
      if (target) await this.#rehearse(target, source, signal);
      if (this.reading !== source)
        throw refused(name, [`the stream from ${source.member.name} was lost meanwhile`]);
      this.#interruption.abort(new Interruption());
      return await move.outcome;
    } finally {
      this.#move = null;
    }
  }

  async #rehearse(target: Member, source: Source, signal: AbortSignal): Promise<void> {
    const waiting = { isBehind: false };
    const onBehind = (): void => {
      waiting.isBehind = true;
    };
    try {
      await within(rehearsalMs, [signal], (limited) =>
        tryCandidate(target, { ...this.#candidateOptions(source), onBehind }, limited),
      );
    } catch (error) {
      const late = `it doesn't have yet what was delivered, and ${formatDuration(rehearsalMs)} have passed`;
      throw refused(target.name, [waiting.isBehind ? late : messageOf(error)]);
    }
  }

  /** Tails one server until it is lost, or to be left. */
  async #stream(source: Source, loss: Loss | null, signal: AbortSignal): Promise<Loss> {
    const { progress, checkpointer, supervisor } = this.#options;
    const { member, inspection, resume } = source;
    const { facts } = inspection;
    progress.coordinates = resume.coordinates;
    progress.keeper.moveTo(resume.trail, resume.sequence);
    progress.sourceServerId = resume.sourceServerId;
    const server = { ...member.instance.address, serverId: facts.serverId, uuid: facts.uuid };
    checkpointer.reading(server, standsInOrder(source));
    this.#interruption = new AbortController();
    this.#heardOnStream = false;
    this.#source = source;
    supervisor.placed(source);
    const change = this.#placed(source, loss);
    await checkpointer.begin(loss ? 'switch' : 'start', signal);
    const arrival = loss && this.#arrival(source, loss, change);
    arrival?.begin();
    const interruption = this.#interruption.signal;
    try {
      return await this.#tail(source, AbortSignal.any([signal, interruption]), async (batch) => {
        // A server that breaks off at the same event again and again sends what comes before it, too.
        if (batch.records > 0 || batch.hints > 0) this.#brokenInARow = 0;
        this.#heardOnStream = true;
        arrival?.batch(batch);
        await checkpointer.between(batch.hints > 0, signal);
      });
    } catch (error) {
      loss?.move?.refuse(`${member.name} was lost before anything had come from it`);
      if (signal.aborted) throw error;
      if (error instanceof Interruption && this.#move) return this.#left(source, this.#move);
      if (!(error instanceof UnreadableError) && !isServerLost(error)) throw error;
      return await this.#lost(error, source, signal);
    }
  }

  #tail(
    { member, inspection, resume, ordered }: Source,
    signal: AbortSignal,
    onBatch: (batch: DeliveredBatch) => Promise<void>,
  ): Promise<never> {
    const { progress, layouts, filter, sink, logger, sinkSignal, config, supervisor } = this.#options;
    return this.#options.read({
      ...{ instance: member.instance, inspection, resume, ordered, progress, layouts, filter, sink, logger },
      ...{ signal, sinkSignal, serverId: this.#serverId.current, onBatch },
      onDivergence: supervisor.failover.onDivergence,
      format: config.hints,
      unprovedNames: config.unprovedNames,
      columns: columnRules(config.columns),
      rowImage: config.rowImage,
      query: config.records.query,
    });
  }

  #arrival({ resume, inspection }: Source, loss: Loss, change: Switch): Arrival {
    const placedAtMs = performance.now();
    return new Arrival(resume.coordinates, inspection.logEnd, loss.lastHeardAtMs, (blackoutMs) => {
      const firstRecordMs = Math.round(performance.now() - placedAtMs);
      this.#apply({ type: 'level', blackoutMs, firstRecordMs });
      const timeline = change.timeline && { ...change.timeline, firstRecordMs };
      logArrival({ ...change, timeline }, loss, blackoutMs, this.#options.logger);
      // Of one that came back to where it was the outcome is there already.
      loss.move?.arrived(reportOf(change, blackoutMs));
    });
  }

  #isolated(member: Member, reasons: readonly string[]): void {
    this.#apply({ type: 'lost', server: member.name, finding: 'isolated', at: Date.now() });
    logIsolated(member, reasons, this.#options.logger);
  }

  /** The stream runs, and is left. */
  #left({ member }: Source, move: Move): Loss {
    const { logger, progress, supervisor } = this.#options;
    const { cause } = move;
    this.#apply({ type: 'lost', server: member.name, finding: cause, at: Date.now() });
    if (cause === 'stalled' || cause === 'rebuilt') supervisor.memory.lost(member.name);
    logLeft(member, move, progress, logger);
    const lastHeardAtMs = progress.lastHeardAtMs ?? performance.now();
    return {
      member,
      cause,
      lastHeardAtMs,
      foundAtMs: performance.now(),
      move,
      reconnects: false,
      unfit: this.#unfit(),
    };
  }

  /** The stream has ended by itself. */
  async #lost(error: WaymarkError, source: Source, signal: AbortSignal): Promise<Loss> {
    const { logger, progress, config, supervisor } = this.#options;
    const { member } = source;
    const lastHeardAtMs = progress.lastHeardAtMs ?? performance.now();
    logSuspicion(member, error, logger);
    const step = this.#stepAfter(error, member);
    this.#move?.refuse(`the stream from ${member.name} was lost meanwhile`);
    this.#serverId.streamEnded(error, member.name, this.#heardOnStream);
    this.#apply({ type: 'lost', server: member.name, finding: 'stream-broken', at: Date.now() });
    const { place, trail } = historyOf(progress, source);
    const diagnosis = await findOut(
      { member, error, lastHeardAtMs, place: { ...place, trail } },
      {
        ...{ watch: supervisor.watch, format: config.hints, ...supervisor.failover },
        onIsolated: (reasons) => {
          this.#isolated(member, reasons);
        },
      },
      signal,
    );
    const { finding } = diagnosis;
    this.#brokenInARow += 1;
    const surplus = this.#brokenInARow - brokenStreamsBorne - 1;
    const { first, last } = brokenStreamsPauseMs;
    if (surplus > 0) await sleep(Math.min(first * 2 ** surplus, last), signal);
    const again = step === null ? this.#brokenInARow <= brokenStreamsBorne : step === 'again';
    const reconnects = finding === 'stream-broken' && again;
    this.#apply({ type: 'lost', server: member.name, finding, at: Date.now() });
    if (!reconnects) supervisor.memory.lost(member.name);
    logLost(member, diagnosis, reconnects, progress, logger);
    return {
      member,
      cause: finding,
      lastHeardAtMs,
      foundAtMs: performance.now(),
      move: null,
      reconnects,
      unfit: this.#unfit(),
    };
  }

  /**
   * What is done where a server's content can't be read; null where that isn't it.
   * @throws WaymarkError with that error's code, when nobody else will have it otherwise.
   */
  #stepAfter(error: WaymarkError, { name }: Member): 'again' | 'elsewhere' | null {
    if (!(error instanceof UnreadableError)) return null;
    const members = this.#options.supervisor.pool.map((member) => member.name);
    const step = this.#unreadable.failed(name, error, members);
    if (step === 'end') throw this.#unreadable.verdict(error);
    return step;
  }

  /** Members whose logs can't be read where the stream stands. */
  #unfit(): ReadonlyMap<string, Error> {
    const { lastHint, sequence } = this.#options.progress.keeper;
    return this.#unreadable.unfit(lastHint && displayHint(lastHint), sequence);
  }

  #candidateOptions(source: Source): CandidateOptions {
    const { config, filter, breadcrumbs, logger, progress, supervisor } = this.#options;
    return {
      history: historyOf(progress, source),
      margin: config.matching.margin,
      format: config.hints,
      onDivergence: supervisor.failover.onDivergence,
      ...{ filter, breadcrumbs, logger },
    };
  }

  #placed(source: Source, loss: Loss | null): Switch {
    const change = switchOf(source, loss);
    this.#apply({ type: 'placed', change });
    logPlaced(source, this.#options.logger);
    return change;
  }

  #apply(event: AgentEvent): void {
    this.#state = transition(this.#state, event);
    this.#options.onEvent(event);
  }
}
