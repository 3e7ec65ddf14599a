import { isAborted, sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import type { Backend, BackendOptions, StreamBackend } from './backend.js';
import { campaign, type CampaignOptions, type ElectionLogger } from './campaign.js';
import type { Election, Elections, Leadership, LeaderView, AgentId } from './election.js';
import { closedError, OpenLeaderships } from './open-leaderships.js';
import { formatAgentId } from './agent-id.js';
import { callTimeouts, whenAnotherLeads } from './succession.js';

/** The elections of a process in a backend: the part that is the same for all backends. */
export class BackedElections<Seen> implements Elections {
  readonly self: AgentId;
  readonly #backend: Backend<Seen>;
  readonly #options: BackendOptions;
  readonly #open = new OpenLeaderships();
  readonly #elections = new Map<string, Election>();
  readonly #closing = new AbortController();
  #presence: Promise<void> | null = null;

  constructor(backend: Backend<Seen>, options: BackendOptions) {
    this.self = options.self;
    this.#backend = backend;
    this.#options = options;
  }

  of(stream: string): Election {
    const known = this.#elections.get(stream);
    if (known !== undefined) return known;
    const { name } = this.#backend;
    const election = new BackedElection(stream, name, this.#backend.of(stream), this.#open, this.#options);
    this.#elections.set(stream, election);
    return election;
  }

  agents(signal: AbortSignal): Promise<readonly AgentId[]> {
    return this.#backend.agents(signal);
  }

  async join(signal: AbortSignal): Promise<void> {
    await this.#backend.appear(signal);
    this.#presence ??= this.#stay(this.#closing.signal);
  }

  async close(): Promise<void> {
    await this.#open.close();
    this.#closing.abort(closedError());
    if (this.#presence !== null) {
      await this.#presence;
      await this.#backend.disappear();
    }
    await this.#backend.close();
  }

  async #stay(signal: AbortSignal): Promise<void> {
    const { intervalMs, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(intervalMs, signal);
        await this.#backend.stay(signal);
      } catch (error) {
        if (!isAborted(signal)) sayUnforeseen(error, logger);
      }
    }
  }
}

/** Logs an unexpected error. If only the backend is away, the campaigns say so. */
export function sayUnforeseen(error: unknown, logger: ElectionLogger): void {
  if (hasCode(error, 'election-store')) return;
  logger.warn(
    { event: 'election.failed', err: error },
    `Unexpected error in an election. Please report it: ${messageOf(error)}`,
  );
}

class BackedElection<Seen> implements Election {
  readonly #stream: string;
  readonly #backend: StreamBackend<Seen>;
  readonly #open: OpenLeaderships;
  readonly #timeoutMs: number;
  readonly #campaign: CampaignOptions;

  constructor(
    stream: string,
    backendName: Backend<Seen>['name'],
    backend: StreamBackend<Seen>,
    open: OpenLeaderships,
    { timeoutMs, marginMs, logger }: BackendOptions,
  ) {
    this.#stream = stream;
    this.#backend = backend;
    this.#open = open;
    this.#timeoutMs = timeoutMs;
    this.#campaign = {
      ...{ stream, backend: backendName, marginMs, logger },
      // Two attempts that hang must not end a lease.
      attemptMs: Math.ceil((timeoutMs - marginMs) / 3),
      stand: () => backend.stand(),
    };
  }

  campaign(signal: AbortSignal): Promise<Leadership> {
    return this.#open.campaign(signal, async (either) => {
      await sleep(this.#backend.restMs(), either);
      return campaign(this.#campaign, either);
    });
  }

  async show(signal: AbortSignal): Promise<LeaderView> {
    return this.#backend.view(await this.#backend.look(signal));
  }

  async take(host: string, signal: AbortSignal): Promise<LeaderView> {
    const seen = await this.#backend.look(signal);
    const view = this.#backend.view(seen);
    if (view.leader?.host === host) return view;
    await this.#backend.demand(host, seen, signal);
    return this.#succession(view, host, this.#backend.absenceOn(host), signal);
  }

  async stepDown(host: string | null, signal: AbortSignal): Promise<LeaderView> {
    const seen = await this.#backend.look(signal);
    const view = this.#backend.view(seen);
    const { leader } = view;
    if (leader === null || (host !== null && leader.host !== host)) {
      const who = leader === null ? 'nobody leads it' : `${formatAgentId(leader)} leads it`;
      throw new WaymarkError('not-leader', `The stream "${this.#stream}" can't be given up: ${who}`);
    }
    await this.#backend.demand(null, seen, signal);
    return this.#succession(view, null, 'nobody took over', signal);
  }

  #succession(
    before: LeaderView,
    host: string | null,
    complaint: string,
    signal: AbortSignal,
  ): Promise<LeaderView> {
    const withinMs = callTimeouts * this.#timeoutMs;
    return whenAnotherLeads({ before, host, withinMs, complaint, show: (limit) => this.show(limit) }, signal);
  }
}
