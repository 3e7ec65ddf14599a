import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import type { Config } from '../config/schema.js';
import type { TableFilter } from '../config/table-filter.js';
import type { Confidence, ResumePoint } from '../matching/match-state.js';
import type { Inspection } from '../mysql/inspect.js';
import type { Sink } from '../sinks/sink.js';
import type { Progress } from '../tail/progress.js';
import { tail } from '../tail/tail.js';
import { messageOf, type WaymarkError } from '../util/errors.js';
import { Arrival } from './arrival.js';
import type { Breadcrumbs } from './breadcrumbs.js';
import { type CandidateOptions, filtersOfChannels, type Place } from './candidate.js';
import type { Checkpointer } from './checkpointer.js';
import { diagnose, type Finding, isServerLost, probe } from './diagnosis.js';
import type { MemberView } from './members.js';
import type { Member } from './pool.js';
import { searchPool } from './search.js';
import { type AgentEvent, type AgentState, initialState, type Switch, transition } from './state.js';

export type CoordinatorOptions = {
  readonly config: Config;
  readonly pool: readonly Member[];
  readonly filter: TableFilter;
  readonly sink: Sink;
  readonly progress: Progress;
  readonly checkpointer: Checkpointer;
  readonly breadcrumbs: Breadcrumbs;
  readonly logger: Logger;
  readonly sinkSignal: AbortSignal;
  /** Told of everything that changes the state. */
  readonly onEvent: (event: AgentEvent) => void;
};

/** Where the stream is read from. */
export type Source = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly resume: ResumePoint;
  readonly confidence: Confidence | null;
  readonly hint: string | null;
  /** Whether nothing may come before what is left of a transaction that was cut off. */
  readonly ordered: boolean;
  /** Transactions of the trail that were met there. */
  readonly matched: number;
};

/** A stream that was lost. */
type Loss = {
  readonly member: Member;
  readonly inspection: Inspection;
  readonly finding: Finding;
  readonly lastHeardAtMs: number;
};

/** A lost server is left alone for a moment before it is tried again along with the others. */
const lostServerDelayMs = 1000;

/** A stream that breaks so often without having brought anything is a lost server, whatever the probe says. */
const brokenStreamsBorne = 3;

/** Reads the stream from one server after the other: tails, notices that a server is lost, finds the next place. */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  #state: AgentState = initialState;
  #brokenInARow = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  get state(): AgentState {
    return this.#state;
  }

  /**
   * Streams from `first` on. Ends by rejecting: with the signal's reason, or with what stops the stream for good
   * (`diverged`, an unsupported event, the sink's error, no server that can go on).
   */
  async run(first: Source, signal: AbortSignal): Promise<never> {
    let source = first;
    let loss: Loss | null = null;
    for (;;) {
      loss = await this.#stream(source, loss, signal);
      source = await this.#next(loss, signal);
    }
  }

  /** The servers as the agent sees them. */
  members(): readonly MemberView[] {
    const { phase } = this.#state;
    return this.#options.pool.map(({ name, priority }) => ({
      server: name,
      role: 'member',
      priority,
      avoided: false,
      reading: phase.kind === 'streaming' && phase.server === name,
      finding: 'healthy',
      reasons: [],
      evidence: null,
    }));
  }

  stopped(reason: string): void {
    this.#apply({ type: 'stopped', reason });
  }

  /** Tails one server until it is lost. */
  async #stream(source: Source, loss: Loss | null, signal: AbortSignal): Promise<Loss> {
    const { progress, checkpointer, logger, config } = this.#options;
    const { member, inspection, resume } = source;
    const { facts } = inspection;
    progress.coordinates = resume.coordinates;
    progress.keeper.restore(resume.trail, resume.sequence);
    progress.sourceServerId = resume.sourceServerId;
    checkpointer.reading({ ...member.instance.address, serverId: facts.serverId, uuid: facts.uuid });
    const change = this.#placed(source, loss);
    await checkpointer.begin(loss ? 'switch' : 'start', signal);
    const arrival = loss && this.#arrival(source, loss, change);
    arrival?.begin();
    try {
      return await tail({
        instance: member.instance,
        inspection,
        resume,
        ordered: source.ordered,
        onDivergence: config.failover.onDivergence,
        progress,
        filter: this.#options.filter,
        format: config.hints,
        sink: this.#options.sink,
        logger,
        signal,
        sinkSignal: this.#options.sinkSignal,
        ...(config.serverId === undefined ? {} : { serverId: config.serverId }),
        onBatch: async (batch) => {
          this.#brokenInARow = 0;
          arrival?.batch(batch);
          await checkpointer.between(batch.hints > 0, signal);
        },
      });
    } catch (error) {
      if (signal.aborted || !isServerLost(error)) throw error;
      return await this.#diagnose(error, member, inspection, signal);
    }
  }

  #arrival({ resume, inspection, member }: Source, loss: Loss, change: Switch): Arrival {
    return new Arrival(resume.coordinates, inspection.logEnd, loss.lastHeardAtMs, (blackoutMs) => {
      this.#apply({ type: 'level', blackoutMs });
      const { from, to, hint, confidence, skipped, finding } = change;
      const coordinates = formatCoordinates(resume.coordinates);
      this.#options.logger.info(
        { event: 'failover.done', from, to, hint, confidence, skipped, blackoutMs, finding, coordinates },
        `The stream goes on from ${member.name} (${confidence ?? 'unverified'}), ` +
          `${blackoutMs} ms after the last word from ${loss.member.name}`,
      );
    });
  }

  async #diagnose(
    error: WaymarkError,
    member: Member,
    inspection: Inspection,
    signal: AbortSignal,
  ): Promise<Loss> {
    const { logger, progress } = this.#options;
    const lastHeardAtMs = progress.lastHeardAtMs ?? performance.now();
    logger.warn(
      { event: 'replica.suspect', server: member.name, code: error.code, reason: error.message },
      `Suspicion against ${member.name}: ${messageOf(error)}`,
    );
    const seen = await probe(member.instance, signal);
    let finding = diagnose({ streamError: error, probe: seen });
    this.#brokenInARow += 1;
    if (finding === 'stream-broken' && this.#brokenInARow > brokenStreamsBorne) finding = 'unreachable';
    this.#apply({ type: 'lost', server: member.name, finding, at: Date.now() });
    const hint = progress.keeper.lastHint;
    const message =
      finding === 'stream-broken'
        ? `${member.name} lives; reconnecting there`
        : `${member.name} is ${finding}; looking for another server`;
    logger.warn(
      {
        event: finding === 'stream-broken' ? 'stream.reconnecting' : 'failover.started',
        from: member.name,
        finding,
        probe: seen,
        hint: hint?.token ?? null,
        coordinates: formatCoordinates(progress.coordinates),
        partialChanges: progress.partial?.changes ?? 0,
      },
      message,
    );
    return { member, inspection, finding, lastHeardAtMs };
  }

  /** Finds where to go on: on the same server if only the stream broke, else on whichever can. */
  async #next(loss: Loss, signal: AbortSignal): Promise<Source> {
    const { pool } = this.#options;
    const contenders = pool.map((member) => ({
      member,
      delayMs: member.name === loss.member.name ? lostServerDelayMs : 0,
    }));
    if (loss.finding === 'stream-broken') {
      const again = await this.#reconnect(loss, signal);
      if (again) return again;
    }
    return sourceOf(await searchPool(contenders, this.#candidateOptions(loss.inspection), signal));
  }

  async #reconnect(loss: Loss, signal: AbortSignal): Promise<Source | null> {
    const { logger } = this.#options;
    try {
      const contender = { member: loss.member, delayMs: 0, once: true } as const;
      const once = AbortSignal.any([signal, AbortSignal.timeout(reconnectTimeoutMs)]);
      return sourceOf(await searchPool([contender], this.#candidateOptions(loss.inspection), once));
    } catch (error) {
      signal.throwIfAborted();
      logger.warn(
        { event: 'stream.reconnect-failed', server: loss.member.name, reason: messageOf(error) },
        `${loss.member.name} can't go on with the stream: ${messageOf(error)}`,
      );
      return null;
    }
  }

  #candidateOptions(inspection: Inspection): CandidateOptions {
    const { config, filter, breadcrumbs, logger, progress } = this.#options;
    return {
      history: {
        trail: progress.keeper.entries.slice(),
        ordered: inspection.facts.keepsCommitOrder,
        filters: filtersOfChannels(inspection.channels),
        place: {
          serverId: inspection.facts.serverId,
          uuid: inspection.facts.uuid,
          coordinates: progress.coordinates,
          sequence: progress.keeper.sequence,
        },
      },
      margin: config.matching.margin,
      format: config.hints,
      filter,
      onDivergence: config.failover.onDivergence,
      breadcrumbs,
      logger,
    };
  }

  #placed(source: Source, loss: Loss | null): Switch {
    const { logger } = this.#options;
    const { member, resume, confidence, hint } = source;
    const change: Switch = {
      from: loss?.member.name ?? null,
      to: member.name,
      finding: loss?.finding ?? (confidence === null ? 'start' : 'restart'),
      confidence,
      hint,
      coordinates: resume.coordinates,
      skipped: source.matched,
      blackoutMs: null,
      timeline: null,
      at: Date.now(),
    };
    this.#apply({ type: 'placed', change });
    logger.info(
      {
        event: 'stream.started',
        server: member.name,
        serverId: source.inspection.facts.serverId,
        version: source.inspection.facts.version.text,
        ...resume.coordinates,
        hint,
        confidence,
        skipped: source.matched,
      },
      `Reading ${member.name} from ${formatCoordinates(resume.coordinates)}`,
    );
    if (!resume.trail.some((entry) => entry.kind === 'hint')) {
      logger.warn(
        { event: 'hints.missing', server: member.name },
        'No hint stands before this place: until the first one comes, losing this server is an error. ' +
          'Inject hints on the source (waymark inject)',
      );
    }
    return change;
  }

  #apply(event: AgentEvent): void {
    this.#state = transition(this.#state, event);
    this.#options.onEvent(event);
  }
}

const reconnectTimeoutMs = 5000;

/** The place that a search has found, as a source. */
export function sourceOf({ member, inspection, resumption, ordered }: Place): Source {
  return {
    member,
    inspection,
    resume: resumption.resume,
    confidence: resumption.confidence,
    hint: resumption.hint?.hint.token ?? null,
    ordered,
    matched: resumption.evidence.transactionsMatched,
  };
}
