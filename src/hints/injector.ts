import { formatAddress } from '../config/address.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { errorNumberOf, isOfServer, serverTextOf } from '../mysql/server-error.js';
import { text } from '../mysql/server.js';
import { isAborted, sleep } from '../util/async.js';
import { type ErrorCode, hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { compareHints, type Hint, type HintFormat, hintStatement } from './hint.js';
import { injectionRefusal, requireInjectionSite } from './injection-site.js';
import { nextHint } from './next-hint.js';

/** Something that the operator of an injector may want to know; none of it ends the injector. */
export type InjectorNotice =
  | { readonly kind: 'failed'; readonly message: string; readonly retryInMs: number }
  | { readonly kind: 'standby'; readonly message: string }
  | { readonly kind: 'replication-unseen'; readonly message: string };

export type InjectorOptions = {
  readonly instance: Instance;
  readonly format: HintFormat;
  /** From one injection to the next; one that comes late does not make the following ones come closer together. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
  /** Inject one hint and end. */
  readonly once?: boolean;
  /** The newest hint in the server's log; null when there is none or it can't be known. Asked at each connection. */
  readonly newest: () => Promise<Hint | null>;
  readonly onInjected: (hint: Hint) => void;
  readonly onNotice?: (notice: InjectorNotice) => void;
};

/** How long the server may take for a statement; an injection waits for locks (FLUSH TABLES WITH READ LOCK) for less. */
const statementMs = 10_000;
const lockWaitSeconds = 5;
const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** Whoever stands by says so again after so long. */
const standbyNoticeMs = 60_000;

/**
 * Injects ascending hints into a source's binary log until the signal fires, and then resolves.
 *
 * - The hint's view never exists, and nor need its schema: both vendors log the statement all the same. The account
 *   needs DROP on the schema, existing or not, and nothing else; with REPLICATION CLIENT (MariaDB: REPLICA MONITOR,
 *   BINLOG MONITOR) it also sees that the server is a source.
 * - Each hint is newer than the newest one in the log, also over restarts and over clock steps backwards.
 * - One injector works at a time on a server and schema: it holds a user lock (GET_LOCK), and others stand by.
 * - When the server goes away after the first connection, it is tried again, with growing pauses of up to 10 s.
 *
 * @throws WaymarkError `unsuitable-server` (a replica: the source is named; no binary log; read-only; with `once`: another
 * injector is at work), `missing-grant`, `access-denied`; `server-unreachable` at the first connection alone.
 */
export async function runInjector(options: InjectorOptions): Promise<void> {
  const { signal } = options;
  const injector = new Injector(options);
  for (let retryMs = firstRetryMs; !signal.aborted; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    try {
      await injector.session(() => (retryMs = firstRetryMs));
      return;
    } catch (error) {
      if (isAborted(signal)) return;
      const refusal = injectionRefusal(error, options.instance, options.format);
      if (refusal !== null) throw refusal;
      if (options.once === true || !injector.hasWorked || !isPassing(error)) throw failure(error, options);
      options.onNotice?.({ kind: 'failed', message: messageOf(error), retryInMs: retryMs });
    }
    await sleep(retryMs, signal).catch(() => undefined);
  }
}

/** The state that outlives a connection. */
class Injector {
  /** Whether a connection has come as far as injecting. */
  hasWorked = false;
  #previous: Hint | null = null;
  readonly #options: InjectorOptions;

  constructor(options: InjectorOptions) {
    this.#options = options;
  }

  /** One connection's life; resolves when all is done or the signal has fired. */
  async session(onWorking: () => void): Promise<void> {
    const { instance, format, signal, once, everyMs } = this.#options;
    const connection = await connect(instance, { signal });
    const abort = (): void => {
      connection.discard();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#prepare(connection);
      for (let due = performance.now(); ; due = Math.max(due + everyMs, performance.now())) {
        await sleep(Math.max(0, due - performance.now()), signal);
        const hint = nextHint(this.#previous, Date.now(), Math.random());
        // Counted before the answer: a hint whose answer is lost may be in the log.
        this.#previous = hint;
        await this.#ask(connection, () => connection.run(hintStatement(hint, format)));
        this.hasWorked = true;
        onWorking();
        this.#options.onInjected(hint);
        if (once === true) return;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      await connection.close();
    }
  }

  async #prepare(connection: ServerConnection): Promise<void> {
    const { instance, format, everyMs, newest } = this.#options;
    const idleSeconds = Math.ceil(everyMs / 1000) + 60;
    const limits = `SESSION wait_timeout = ${String(idleSeconds)}, SESSION lock_wait_timeout = ${String(lockWaitSeconds)}`;
    await this.#ask(connection, () => connection.run(`SET ${limits}`));
    const { replicationSeen } = await this.#ask(connection, () =>
      requireInjectionSite(connection, instance, format),
    );
    if (!replicationSeen && !this.hasWorked) {
      const message = `${formatAddress(instance.address)} does not let "${instance.account.user}" see whether it is a replica; hints belong on the source`;
      this.#options.onNotice?.({ kind: 'replication-unseen', message });
    }
    await this.#takeLock(connection);
    const found = await newest();
    if (found !== null && (compareHints(found, this.#previous ?? found) ?? 1) >= 0) this.#previous = found;
  }

  async #takeLock(connection: ServerConnection): Promise<void> {
    const { once, instance, format } = this.#options;
    const server = formatAddress(instance.address);
    let announcedAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const sql = `SELECT GET_LOCK(?, ${String(lockWaitSeconds)}) AS held, IS_USED_LOCK(?) AS holder`;
      const name = injectorLock(format);
      const [row] = await this.#ask(connection, () => connection.query(sql, [name, name]));
      if (text(row?.['held']) === '1') return;
      const who = `connection ${text(row?.['holder'])} (see SHOW PROCESSLIST)`;
      if (once === true) {
        throw new WaymarkError(
          'unsuitable-server',
          `Hints are already being injected on ${server}, by its ${who}; another hint is not needed`,
          { details: { server } },
        );
      }
      if (performance.now() - announcedAtMs < standbyNoticeMs) continue;
      announcedAtMs = performance.now();
      const message = `another injector is at work on ${server}, ${who}; standing by`;
      this.#options.onNotice?.({ kind: 'standby', message });
    }
  }

  /** Asks within the time limit and until the signal fires. */
  #ask<T>(connection: ServerConnection, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    return askOver(connection, { purpose: 'inject hints', signal, limitMs: statementMs }, work);
  }
}

/** The user lock that whoever injects hints of a format holds; lock names have 64 characters at most. */
export function injectorLock(format: HintFormat): string {
  return `waymark:${format.schema}`.slice(0, 64);
}

/**
 * Server errors that pass by themselves: lock wait timeout, deadlock, too many connections (of all, of the account),
 * shutdown, query interrupted, connection killed, statement time limit (MySQL's, MariaDB's).
 */
const passingNumbers = new Set([1205, 1213, 1040, 1203, 1053, 1317, 1927, 3024, 1969]);

/** The same of our own errors: the last one comes from reading the log for its newest hint. */
const passingCodes = new Set<ErrorCode>(['server-unreachable', 'stream-broken', 'stream-silent']);

function isPassing(error: unknown): boolean {
  if (!isOfServer(error)) return false;
  return passingCodes.has(error.code) || passingNumbers.has(errorNumberOf(error) ?? 0);
}

function failure(error: unknown, { instance }: InjectorOptions): unknown {
  const errorNumber = errorNumberOf(error);
  if (errorNumber === null || !hasCode(error, 'protocol')) return error;
  const server = formatAddress(instance.address);
  return new WaymarkError('unsuitable-server', `${server} refuses the hint: ${serverTextOf(error)}`, {
    cause: error.cause,
    details: { server, errorNumber },
  });
}
