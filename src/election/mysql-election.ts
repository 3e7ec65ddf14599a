import type { ServerConnection } from '../mysql/connection.js';
import type { Account } from '../mysql/instance.js';
import { type TablesConfig, tablesError, tablesInstance } from '../mysql/own-tables.js';
import { isOfServer } from '../mysql/server-error.js';
import { valueText } from '../mysql/server-facts.js';
import { shareTableLink, type TableLink } from '../mysql/table-link.js';
import { sleep } from '../util/async.js';
import { monotonicMs, uptimeMs } from '../util/clock.js';
import type { SharedHandle } from '../util/shared.js';
import { BackedElections, sayUnforeseen } from './backed-elections.js';
import type { Backend, BackendOptions, StreamBackend } from './backend.js';
import type { Ballot } from './campaign.js';
import {
  agentsStatement,
  attemptStatement,
  callStatement,
  forgetStatement,
  presenceStatement,
  rowStatement,
  type BoundStatement,
  withdrawStatement,
} from './election-sql.js';
import type { LeaseAnswer } from './lease-state.js';
import type { Elections, LeaderView, AgentId } from './election.js';
import {
  anybody,
  type Participant,
  expiredSign,
  type LeaseRow,
  standing,
  watch,
  type Watched,
} from './lease-row.js';
import { formatAgentId, parseAgentId, sameAgentId } from './agent-id.js';

/** Where the table is, and the times of leases. */
export type MysqlElectionOptions = BackendOptions & {
  readonly tables: TablesConfig;
  /** The account to use there, unless `tables` has its own. */
  readonly account: Account;
};

/** How long a request may take that isn't an attempt. */
const askMs = 5_000;
/** The row of an agent that is gone is removed after this many timeouts. */
const forgetTimeouts = 20;

/**
 * Creates elections in the table `service_election` of a MySQL or MariaDB server. Each stream has a row (see
 * election-sql.ts). All agents attempt to lead at each interval, with one statement. A lease has expired when the
 * leader has given no sign of life for a timeout, by the clock of the agent that waits. So no wall clock counts, not
 * even the server's. The table must exist, and on one server only: a replica of that server doesn't know who leads.
 */
export function mysqlElections(options: MysqlElectionOptions): Elections {
  return new BackedElections(new MysqlBackend(options), options);
}

/**
 * A row. The server's present time counts as zero. `seenAgoMs`, the age of the last sign of life, is only shown to
 * people.
 */
type Found = { readonly row: LeaseRow; readonly seenAgoMs: number };

class MysqlBackend implements Backend<Found | null> {
  readonly name = 'mysql';
  readonly options: MysqlElectionOptions;
  readonly #link: SharedHandle<TableLink>;
  /** How often this agent has announced again that it lives. */
  #rounds = 0;

  constructor(options: MysqlElectionOptions) {
    this.options = options;
    this.#link = shareTableLink(tablesInstance(options.tables, options.account), 'election');
  }

  of(stream: string): StreamBackend<Found | null> {
    return new MysqlStream(this, stream);
  }

  async agents(signal: AbortSignal): Promise<readonly AgentId[]> {
    const { tables, timeoutMs } = this.options;
    const { sql, values } = agentsStatement(tables.schema, timeoutMs);
    const rows = await this.use(signal, (connection) => connection.query(sql, values));
    return rows.flatMap((row) => parseAgentId(valueText(row['holder'])) ?? []);
  }

  appear(signal: AbortSignal): Promise<void> {
    const { tables, self } = this.options;
    return this.run(presenceStatement(tables.schema, formatAgentId(self)), signal);
  }

  async stay(signal: AbortSignal): Promise<void> {
    await this.appear(signal);
    if (this.#rounds % forgetTimeouts === 0) await this.run(this.#forgetting(null), signal);
    this.#rounds += 1;
  }

  disappear(): Promise<void> {
    return this.runOptional(this.#forgetting(formatAgentId(this.options.self)));
  }

  close(): Promise<void> {
    return this.#link.release();
  }

  /** Returns the statement that removes the rows of agents that are gone for good, and of the agent `id`. */
  #forgetting(id: string | null): BoundStatement {
    const { tables, timeoutMs } = this.options;
    return forgetStatement(tables.schema, forgetTimeouts * timeoutMs, id);
  }

  /** Runs a statement and ignores any rows of its result. Errors as in `use`. */
  async run({ sql, values }: BoundStatement, signal: AbortSignal): Promise<void> {
    await this.use(signal, (connection) => connection.run(sql, values));
  }

  /** Runs a statement that may fail without harm: what it removes expires by itself. Never rejects. */
  async runOptional(statement: BoundStatement): Promise<void> {
    try {
      await this.run(statement, new AbortController().signal);
    } catch (error) {
      sayUnforeseen(error, this.options.logger);
    }
  }

  /**
   * Uses the connection.
   * @throws WaymarkError `election-store`.
   */
  async use<T>(signal: AbortSignal, action: (connection: ServerConnection) => Promise<T>): Promise<T> {
    try {
      return await this.#link.value.run(askMs, signal, action);
    } catch (error) {
      signal.throwIfAborted();
      if (!isOfServer(error)) throw error;
      const { server, schema } = this.options.tables;
      throw tablesError('election-store', `The election in the schema "${schema}"`, server, error, {
        schema,
      });
    }
  }
}

class MysqlStream implements StreamBackend<Found | null> {
  readonly #backend: MysqlBackend;
  readonly #stream: string;
  #campaigns = 0;
  /** An agent that gave up lets the others go first until this time of the monotonic clock. */
  #notBefore = 0;
  #watched: Watched | null = null;

  constructor(backend: MysqlBackend, stream: string) {
    this.#backend = backend;
    this.#stream = stream;
  }

  restMs(): number {
    return Math.max(0, this.#notBefore - monotonicMs());
  }

  stand(): Ballot {
    this.#campaigns += 1;
    const { options } = this.#backend;
    const { self } = options;
    const id = `${formatAgentId(self)}-${String(this.#campaigns)}`;
    return {
      attempt: (held, signal) => this.#attempt({ id, host: self.host, held }, signal),
      due: (_held, signal) => sleep(options.intervalMs, signal),
      withdraw: async () => {
        this.#notBefore = monotonicMs() + 2 * options.intervalMs;
        const statement = withdrawStatement(options.tables.schema, this.#stream, id);
        await this.#backend.runOptional(statement);
      },
    };
  }

  async #attempt(candidate: Omit<Participant, 'expired'>, signal: AbortSignal): Promise<LeaseAnswer> {
    const { tables, timeoutMs } = this.#backend.options;
    const sentAt = uptimeMs();
    const own = { ...candidate, expired: expiredSign(this.#watched, sentAt, timeoutMs) };
    const found = await this.#backend.use(signal, async (connection) => {
      const { sql, values } = attemptStatement(tables.schema, this.#stream, own, timeoutMs);
      await connection.run(sql, values);
      return readRow(connection, rowStatement(tables.schema, this.#stream));
    });
    this.#watched = found && watch(this.#watched, found.row, uptimeMs());
    return {
      sentAt,
      timeoutMs,
      standing: found === null ? { mine: false } : standing(found.row, own, 0, timeoutMs),
    };
  }

  look(signal: AbortSignal): Promise<Found | null> {
    const { schema } = this.#backend.options.tables;
    return this.#backend.use(signal, (connection) => readRow(connection, rowStatement(schema, this.#stream)));
  }

  view(found: Found | null): LeaderView {
    const { self, timeoutMs } = this.#backend.options;
    const living = found !== null && found.seenAgoMs <= timeoutMs;
    const leader = living ? parseAgentId(found.row.holder) : null;
    return {
      stream: this.#stream,
      backend: 'mysql',
      leader,
      token: found?.row.token ?? 0,
      mine: leader !== null && sameAgentId(leader, self),
      waiting: null,
      lastSeenMsAgo: found?.seenAgoMs ?? null,
    };
  }

  demand(host: string | null, found: Found | null, signal: AbortSignal): Promise<void> {
    const { schema } = this.#backend.options.tables;
    const statement = callStatement(schema, this.#stream, host ?? anybody, found?.row.token ?? 0);
    return this.#backend.run(statement, signal);
  }

  absenceOn(host: string): string {
    return `no agent on ${host} took over: is one running there, and does it stand by for this stream?`;
  }
}

async function readRow(connection: ServerConnection, { sql, values }: BoundStatement): Promise<Found | null> {
  const [found] = await connection.query(sql, values);
  if (found === undefined) return null;
  const ms = (value: unknown): number => Number(valueText(value)) / 1_000;
  const seenAgoMs = ms(found['seenAgo']);
  const row: LeaseRow = {
    holder: valueText(found['holder']),
    token: Number(valueText(found['token'])),
    called: valueText(found['called']),
    sign: valueText(found['sign']),
    calledAt: -ms(found['calledAgo']),
  };
  return { row, seenAgoMs };
}
