import { formatAddress } from '../config/address.js';
import type { ServerConnection } from '../mysql/connection.js';
import type { Account } from '../mysql/instance.js';
import { isOfServer } from '../mysql/server-error.js';
import { text } from '../mysql/server.js';
import {
  isMissing,
  shareTableLink,
  type TableLink,
  type TablesConfig,
  tablesInstance,
} from '../mysql/tables.js';
import { isAborted, sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { uptimeMs } from '../util/clock.js';
import type { Share } from '../util/shared.js';
import { type Ballot, campaign, type ElectionLogger } from './campaign.js';
import type { Answer } from './hold.js';
import type { Election, Elections, Leadership, LeaderView, ServiceId } from './lease.js';
import {
  agentsStatement,
  attemptStatement,
  callStatement,
  forgetStatement,
  presenceStatement,
  readStatement,
  type Statement,
  withdrawStatement,
} from './mysql-table.js';
import { OpenLeaderships } from './open-leaderships.js';
import {
  anybody,
  callTimeouts,
  type Candidate,
  expiredSign,
  type Row,
  standing,
  watch,
  type Watched,
} from './row.js';
import { formatServiceId, parseServiceId, sameServiceId } from './service-id.js';
import { whenAnotherLeads } from './succession.js';

/** Where the table is, and how leases are timed: milliseconds. */
export type MysqlElectionOptions = {
  readonly tables: TablesConfig;
  /** Used there unless `tables` has an account of its own. */
  readonly account: Account;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly marginMs: number;
  readonly self: ServiceId;
  readonly logger: ElectionLogger;
};

/** How long a question may take that isn't an attempt. */
const askMs = 5_000;
/** After how many timeouts the row of an agent that is gone is removed. */
const forgetTimeouts = 20;

/**
 * Elections in the table `service_election` of a MySQL or MariaDB server, a row per stream (see mysql-table.ts). All
 * agents attempt to lead at each interval, with one statement. A lease is over when the leader has given no sign of life
 * for a timeout by the clock of whoever waits, so that nobody's wall clock counts, the server's neither. The table must
 * be there, on one server: a replica of it doesn't know who leads.
 */
export function mysqlElections(options: MysqlElectionOptions): Elections {
  return new MysqlElections(options);
}

/** A row, with the server's time as zero; how long ago the sign of life was is told to people alone. */
type Found = { readonly row: Row; readonly seenAgoMs: number };

class MysqlElections implements Elections {
  readonly self: ServiceId;
  readonly options: MysqlElectionOptions;
  readonly open = new OpenLeaderships();
  readonly #link: Share<TableLink>;
  readonly #elections = new Map<string, Election>();
  readonly #closing = new AbortController();
  #presence: Promise<void> | null = null;

  constructor(options: MysqlElectionOptions) {
    this.self = options.self;
    this.options = options;
    this.#link = shareTableLink(tablesInstance(options.tables, options.account), 'election');
  }

  of(stream: string): Election {
    const election = this.#elections.get(stream) ?? new MysqlElection(this, stream);
    this.#elections.set(stream, election);
    return election;
  }

  async agents(signal: AbortSignal): Promise<readonly ServiceId[]> {
    const { tables, timeoutMs } = this.options;
    const { sql, values } = agentsStatement(tables.schema, timeoutMs);
    const rows = await this.use(signal, (connection) => connection.query(sql, values));
    return rows.flatMap((row) => parseServiceId(text(row['holder'])) ?? []);
  }

  async join(signal: AbortSignal): Promise<void> {
    await this.#appear(signal);
    this.#presence ??= this.#stay(this.#closing.signal);
  }

  async close(): Promise<void> {
    await this.open.close();
    this.#closing.abort(new WaymarkError('not-leader', 'The election was closed'));
    if (this.#presence !== null) {
      await this.#presence;
      await this.#forget(formatServiceId(this.self), new AbortController().signal);
    }
    await this.#link.release();
  }

  /** Runs a statement whose rows, if it has any, don't matter. Errors as in `use`. */
  async run({ sql, values }: Statement, signal: AbortSignal): Promise<void> {
    await this.use(signal, (connection) => connection.run(sql, values));
  }

  /**
   * Does something on the connection.
   * @throws WaymarkError `election-store`.
   */
  async use<T>(signal: AbortSignal, action: (connection: ServerConnection) => Promise<T>): Promise<T> {
    try {
      return await this.#link.value.run(askMs, signal, action);
    } catch (error) {
      signal.throwIfAborted();
      if (!isOfServer(error)) throw error;
      const { tables } = this.options;
      const server = formatAddress(tables.server);
      const advice = isMissing(error)
        ? 'waymark check prints the statements that make the table, and waymark check --fix runs them.'
        : `Check that ${server} runs and lets us in.`;
      throw new WaymarkError(
        'election-store',
        `The election in the schema "${tables.schema}" on ${server} can't be used: ${messageOf(error)}. ${advice}`,
        { cause: error, details: { server, schema: tables.schema } },
      );
    }
  }

  /** Two attempts that hang must not be the end of a lease. */
  get attemptMs(): number {
    const { timeoutMs, marginMs } = this.options;
    return Math.ceil((timeoutMs - marginMs) / 3);
  }

  async #stay(signal: AbortSignal): Promise<void> {
    for (let round = 0; !signal.aborted; round += 1) {
      try {
        await sleep(this.options.intervalMs, signal);
        await this.#appear(signal);
        if (round % forgetTimeouts === 0) await this.#forget(null, signal);
      } catch (error) {
        if (!isAborted(signal)) this.#unsaid(error);
      }
    }
  }

  async #appear(signal: AbortSignal): Promise<void> {
    await this.run(presenceStatement(this.options.tables.schema, formatServiceId(this.self)), signal);
  }

  async #forget(id: string | null, signal: AbortSignal): Promise<void> {
    const { tables, timeoutMs } = this.options;
    try {
      await this.run(forgetStatement(tables.schema, forgetTimeouts * timeoutMs, id), signal);
    } catch (error) {
      if (!signal.aborted) this.#unsaid(error);
    }
  }

  /** Runs a statement that may as well be missing: what it removes runs out by itself. Never rejects. */
  async runOptional(statement: Statement): Promise<void> {
    try {
      await this.run(statement, new AbortController().signal);
    } catch (error) {
      this.#unsaid(error);
    }
  }

  /** That the server is away is said by the campaigns; anything else here. */
  #unsaid(error: unknown): void {
    if (hasCode(error, 'election-store')) return;
    this.options.logger.warn(
      { event: 'election.failed', err: error },
      `An election has met something that nobody foresaw; please report it: ${messageOf(error)}`,
    );
  }
}

class MysqlElection implements Election {
  readonly #elections: MysqlElections;
  readonly #stream: string;
  #campaigns = 0;
  /** Whoever gave up lets the others go first for a while: our monotonic clock. */
  #notBefore = 0;
  #watched: Watched | null = null;

  constructor(elections: MysqlElections, stream: string) {
    this.#elections = elections;
    this.#stream = stream;
  }

  campaign(signal: AbortSignal): Promise<Leadership> {
    const { attemptMs, open } = this.#elections;
    const { marginMs, logger } = this.#elections.options;
    const options = { backend: 'mysql', stream: this.#stream, marginMs, attemptMs, logger } as const;
    return open.campaign(signal, async (either) => {
      await sleep(Math.max(0, this.#notBefore - performance.now()), either);
      return campaign({ ...options, stand: () => this.#stand() }, either);
    });
  }

  async show(signal: AbortSignal): Promise<LeaderView> {
    return this.#view(await this.#read(signal));
  }

  async take(host: string, signal: AbortSignal): Promise<LeaderView> {
    const found = await this.#read(signal);
    const view = this.#view(found);
    if (view.leader?.host === host) return view;
    await this.#call(host, found, signal);
    return this.#succession(
      view,
      host,
      `no agent on ${host} took over: is one running there, and does it stand by for this stream?`,
      signal,
    );
  }

  async stepDown(host: string | null, signal: AbortSignal): Promise<LeaderView> {
    const found = await this.#read(signal);
    const view = this.#view(found);
    if (view.leader === null || (host !== null && view.leader.host !== host)) {
      const who = view.leader === null ? 'nobody leads it' : `${formatServiceId(view.leader)} leads it`;
      throw new WaymarkError('not-leader', `There is nobody to give up the stream "${this.#stream}": ${who}`);
    }
    await this.#call(anybody, found, signal);
    return this.#succession(view, null, 'nobody took over', signal);
  }

  #stand(): Ballot {
    this.#campaigns += 1;
    const { self, options } = this.#elections;
    const id = `${formatServiceId(self)}-${String(this.#campaigns)}`;
    return {
      attempt: (held, signal) => this.#attempt({ id, host: self.host, held }, signal),
      due: (_held, signal) => sleep(options.intervalMs, signal),
      withdraw: async () => {
        this.#notBefore = performance.now() + 2 * options.intervalMs;
        const statement = withdrawStatement(options.tables.schema, this.#stream, id);
        await this.#elections.runOptional(statement);
      },
    };
  }

  async #attempt(candidate: Omit<Candidate, 'expired'>, signal: AbortSignal): Promise<Answer> {
    const { tables, timeoutMs } = this.#elections.options;
    const sentAt = uptimeMs();
    const own = { ...candidate, expired: expiredSign(this.#watched, sentAt, timeoutMs) };
    const found = await this.#elections.use(signal, async (connection) => {
      const { sql, values } = attemptStatement(tables.schema, this.#stream, own, timeoutMs);
      await connection.run(sql, values);
      return readRow(connection, readStatement(tables.schema, this.#stream));
    });
    this.#watched = found && watch(this.#watched, found.row, uptimeMs());
    return {
      sentAt,
      timeoutMs,
      standing: found === null ? { mine: false } : standing(found.row, own, 0, timeoutMs),
    };
  }

  #read(signal: AbortSignal): Promise<Found | null> {
    const { schema } = this.#elections.options.tables;
    return this.#elections.use(signal, (connection) =>
      readRow(connection, readStatement(schema, this.#stream)),
    );
  }

  #view(found: Found | null): LeaderView {
    const { self, options } = this.#elections;
    const living = found !== null && found.seenAgoMs <= options.timeoutMs;
    const leader = living ? parseServiceId(found.row.holder) : null;
    return {
      stream: this.#stream,
      backend: 'mysql',
      leader,
      token: found?.row.token ?? 0,
      mine: leader !== null && sameServiceId(leader, self),
      waiting: null,
      lastSeenMsAgo: found?.seenAgoMs ?? null,
    };
  }

  async #call(called: string, found: Found | null, signal: AbortSignal): Promise<void> {
    const { schema } = this.#elections.options.tables;
    await this.#elections.run(callStatement(schema, this.#stream, called, found?.row.token ?? 0), signal);
  }

  #succession(
    before: LeaderView,
    host: string | null,
    complaint: string,
    signal: AbortSignal,
  ): Promise<LeaderView> {
    const withinMs = callTimeouts * this.#elections.options.timeoutMs;
    return whenAnotherLeads({ before, host, withinMs, complaint, show: (limit) => this.show(limit) }, signal);
  }
}

async function readRow(connection: ServerConnection, { sql, values }: Statement): Promise<Found | null> {
  const [found] = await connection.query(sql, values);
  if (found === undefined) return null;
  const ms = (value: unknown): number => Number(text(value)) / 1_000;
  const seenAgoMs = ms(found['seenAgo']);
  const row: Row = {
    holder: text(found['holder']),
    token: Number(text(found['token'])),
    called: text(found['called']),
    sign: text(found['sign']),
    calledAt: -ms(found['calledAgo']),
  };
  return { row, seenAgoMs };
}
