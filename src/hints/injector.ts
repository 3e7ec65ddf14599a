import { formatAddress } from '../config/address.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { errorNumberOf, isOfServer } from '../mysql/server-error.js';
import { valueText } from '../mysql/server-facts.js';
import { runtime } from '../runtime/runtime.js';
import { isAborted, sleep } from '../util/async.js';
import { epochMs, monotonicMs } from '../util/clock.js';
import { type ErrorCode, messageOf, WaymarkError } from '../util/errors.js';
import { compareHints, type Hint, type HintFormat, hintStatement } from './hint.js';
import { injectionRefusal, requireInjectionSite, statementRefusal } from './injection-site.js';
import { nextHint } from './next-hint.js';

/** An event that the operator of an injector may want to know. None of them ends the injector. */
export type InjectorNotice =
  | { readonly kind: 'failed'; readonly message: string; readonly retryInMs: number }
  | { readonly kind: 'standby'; readonly message: string }
  | { readonly kind: 'unlocked'; readonly message: string }
  | { readonly kind: 'replication-unseen'; readonly message: string };

/** How hints are injected, wherever that is. */
export type InjectionOptions = {
  readonly format: HintFormat;
  /** The interval between injections. A late one doesn't shorten the intervals after it. */
  readonly everyMs: number;
  /** Inject one hint and end. */
  readonly once?: boolean;
  readonly onInjected: (hint: Hint) => void;
  readonly onNotice?: (notice: InjectorNotice) => void;
};

/** A server to inject on. */
export type InjectionTarget = {
  readonly instance: Instance;
  readonly signal: AbortSignal;
  /**
   * Finds the newest hint in the server's log. Null if there is none or it can't be known. Called for each
   * connection.
   */
  readonly newest: () => Promise<Hint | null>;
  /**
   * Set if the server was chosen out of a pool. Then it is looked at again before each hint: it may have been demoted.
   * `assertHeld` is called right before each hint is sent, and throws if this injector must not inject any more.
   */
  readonly chosen?: { readonly assertHeld: () => void };
};

export type InjectorOptions = InjectionOptions & Omit<InjectionTarget, 'chosen'>;

/** Time limit of a statement. An injection waits less than that for locks (FLUSH TABLES WITH READ LOCK). */
const statementMs = 10_000;
const lockWaitSeconds = 5;
/** The pauses before an injector that failed tries again. */
export const injectionRetryMs = { first: 200, last: 10_000 } as const;
/**
 * How much longer than an interval a connection may be idle before the server closes it (wait_timeout). So an injector
 * that is frozen, or whose machine is gone, keeps its lock, and the others from working, for no longer than that.
 */
const idleSeconds = 5;
/** How long the newest hint may be looked for, meanwhile. */
const searchSeconds = 70;
/** How often an injector on standby reports again. */
const standbyNoticeMs = 60_000;

/**
 * Injects ascending hints into a source's binary log until the signal fires, and then resolves.
 *
 * - The hint's view never exists, and its schema need not exist. Both vendors log the statement all the same. The
 *   account needs only DROP on the schema, existing or not. With REPLICATION CLIENT (MariaDB: REPLICA MONITOR, BINLOG
 *   MONITOR) it also sees that the server is a source.
 * - Each hint is newer than the newest one in the log, even after restarts and after the clock was set back.
 * - Only one injector works on a server and schema. It holds a user lock (GET_LOCK). Others stand by.
 * - If the server goes away after the first connection, it tries again, with growing pauses of up to 10 s.
 *
 * @throws WaymarkError `unsuitable-server` (a replica: the source is named; no binary log; read-only; with `once`:
 * another injector is at work), `missing-grant`, `access-denied`; `server-unreachable` at the first connection alone.
 */
export async function runInjector(options: InjectorOptions): Promise<void> {
  const { signal } = options;
  const injector = new Injector(options);
  const { first, last } = injectionRetryMs;
  for (let retryMs: number = first; !signal.aborted; retryMs = Math.min(retryMs * 2, last)) {
    try {
      await injector.session(options, () => (retryMs = first));
      return;
    } catch (error) {
      if (isAborted(signal)) return;
      const refusal = injectionRefusal(error, options.instance, options.format);
      if (refusal !== null) throw refusal;
      if (options.once === true || !injector.hasWorked || !isPassing(error)) {
        throw statementRefusal(error, options.instance, 'hint');
      }
      options.onNotice?.({ kind: 'failed', message: messageOf(error), retryInMs: retryMs });
    }
    await sleep(retryMs, signal).catch(() => undefined);
  }
}

/** The state that outlives a connection, and a server. */
export class Injector {
  /** Whether any connection has reached the point of injecting. */
  hasWorked = false;
  #previous: Hint | null = null;
  readonly #options: InjectionOptions;

  constructor(options: InjectionOptions) {
    this.#options = options;
  }

  /**
   * One connection's life. Resolves when all is done, and rejects when anything ends it, also the signal.
   * @param onWorking called with each hint.
   */
  async session(target: InjectionTarget, onWorking: () => void): Promise<void> {
    const { instance, signal, chosen } = target;
    const { format, once, everyMs } = this.#options;
    const connection = await connect(instance, { signal });
    const abort = (): void => {
      connection.discard();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#prepare(connection, target);
      for (let due = monotonicMs(); ; due = Math.max(due + everyMs, monotonicMs())) {
        await sleep(Math.max(0, due - monotonicMs()), signal);
        if (chosen !== undefined) {
          await ask(connection, signal, () => requireInjectionSite(connection, instance, format));
        }
        const hint = nextHint(this.#previous, epochMs(), runtime().random.fraction());
        await ask(connection, signal, () => {
          chosen?.assertHeld();
          // Count before the answer arrives. If the answer is lost, the hint may still be in the log.
          this.#previous = hint;
          return connection.run(hintStatement(hint, format));
        });
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

  async #prepare(connection: ServerConnection, target: InjectionTarget): Promise<void> {
    const { instance, signal, newest } = target;
    const { format, everyMs } = this.#options;
    const limitIdleness = (seconds: number): Promise<unknown> =>
      connection.run(`SET SESSION wait_timeout = ${String(Math.ceil(everyMs / 1000) + seconds)}`);
    await ask(connection, signal, async () => {
      await connection.run(`SET SESSION lock_wait_timeout = ${String(lockWaitSeconds)}`);
      await limitIdleness(searchSeconds);
    });
    const { replicationSeen } = await ask(connection, signal, () =>
      requireInjectionSite(connection, instance, format),
    );
    if (!replicationSeen && !this.hasWorked) {
      const message = `${formatAddress(instance.address)} does not let "${instance.account.user}" see whether it is a replica. Hints belong on the source`;
      this.#options.onNotice?.({ kind: 'replication-unseen', message });
    }
    await this.#takeLock(connection, target);
    const found = await newest();
    if (found !== null && (compareHints(found, this.#previous ?? found) ?? 1) >= 0) this.#previous = found;
    await ask(connection, signal, () => limitIdleness(idleSeconds));
  }

  async #takeLock(connection: ServerConnection, { instance, signal }: InjectionTarget): Promise<void> {
    const { once, format } = this.#options;
    const server = formatAddress(instance.address);
    let announcedAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const answer = await ask(connection, signal, () => askForLock(connection, format));
      if (answer === 'held') return;
      if (answer === 'unsupported') {
        const message = `${server} has no user locks (Galera, before MDEV-31325): only an election keeps a second injector from working beside this one`;
        if (!this.hasWorked) this.#options.onNotice?.({ kind: 'unlocked', message });
        return;
      }
      const who = `connection ${answer.holder} (see SHOW PROCESSLIST)`;
      if (once === true) {
        throw new WaymarkError(
          'unsuitable-server',
          `Hints are already being injected on ${server}, by its ${who}. Another hint is not needed`,
          { details: { server } },
        );
      }
      if (monotonicMs() - announcedAtMs < standbyNoticeMs) continue;
      announcedAtMs = monotonicMs();
      const message = `another injector works on ${server}, ${who}; standing by`;
      this.#options.onNotice?.({ kind: 'standby', message });
    }
  }
}

/** Asks within the time limit and until the signal fires. */
function ask<T>(connection: ServerConnection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return askOver(connection, { purpose: 'inject hints', signal, limitMs: statementMs }, work);
}

/** ER_NOT_SUPPORTED_YET: what MariaDB answered to GET_LOCK in a Galera cluster (MDEV-31325). */
const notSupportedNumber = 1235;

/** Waits for the user lock for some seconds. */
async function askForLock(
  connection: ServerConnection,
  format: HintFormat,
): Promise<'held' | 'unsupported' | { readonly holder: string }> {
  const sql = `SELECT GET_LOCK(?, ${String(lockWaitSeconds)}) AS held, IS_USED_LOCK(?) AS holder`;
  const name = injectorLock(format);
  try {
    const [row] = await connection.query(sql, [name, name]);
    return valueText(row?.['held']) === '1' ? 'held' : { holder: valueText(row?.['holder']) };
  } catch (error) {
    if (errorNumberOf(error) === notSupportedNumber) return 'unsupported';
    throw error;
  }
}

/** The name of the user lock for injecting hints of a format. Lock names have at most 64 characters. */
export function injectorLock(format: HintFormat): string {
  return `waymark:${format.schema}`.slice(0, 64);
}

/**
 * Temporary server errors: lock wait timeout, deadlock, too many connections (of all, of the account), shutdown,
 * query interrupted, connection killed, statement time limit (MySQL's, MariaDB's).
 */
const passingNumbers = new Set([1205, 1213, 1040, 1203, 1053, 1317, 1927, 3024, 1969]);

/** The same of our own errors: the last one comes from reading the log for its newest hint. */
const passingCodes = new Set<ErrorCode>(['server-unreachable', 'stream-broken', 'stream-silent']);

function isPassing(error: unknown): boolean {
  if (!isOfServer(error)) return false;
  return passingCodes.has(error.code) || passingNumbers.has(errorNumberOf(error) ?? 0);
}
