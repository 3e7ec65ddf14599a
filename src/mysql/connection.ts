import { setMaxListeners } from 'node:events';
import { Socket } from 'node:net';
import {
  createConnection,
  type Connection as CoreConnection,
  type ConnectionOptions,
  type RowDataPacket,
} from 'mysql2';
import { abortable } from '../util/abortable.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';
import type { Account, Instance } from './instance.js';
import { connectError, statementError } from './server-error.js';
import { formatDuration } from '../util/quantities.js';

/** A row of an answer: values by column. */
export type Row = RowDataPacket;

export type ConnectOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** What the server is asked for over it, for messages: "list its binary logs". */
  readonly purpose?: string;
};

const defaultConnectTimeoutMs = 3000;

/**
 * Opens a connection.
 * @throws WaymarkError `server-unreachable` (refused, no route, no answer within the limit, too many connections) or
 * `access-denied`; both name the server and the account.
 */
export async function connect(instance: Instance, options: ConnectOptions = {}): Promise<ServerConnection> {
  options.signal?.throwIfAborted();
  const core = createConnection(connectionOptions(instance));
  try {
    await handshake(core, options.connectTimeoutMs ?? defaultConnectTimeoutMs, options.signal);
  } catch (error) {
    destroy(core);
    options.signal?.throwIfAborted();
    throw connectError(error, instance);
  }
  return new ServerConnection(core, instance, options.purpose ?? 'answer');
}

/** How long a server may take to see our goodbye. */
const goodbyeMs = 200;

/**
 * A connection to one server: the only way to ask it anything, so that whatever goes wrong comes out as one of
 * waymark's errors (see server-error.ts).
 */
export class ServerConnection {
  readonly instance: Instance;
  /** What the server is asked for, for messages; whoever asks for several things says so before each. */
  purpose: string;
  readonly #core: CoreConnection;
  readonly #discarded = new AbortController();

  constructor(core: CoreConnection, instance: Instance, purpose: string) {
    this.#core = core;
    this.instance = instance;
    this.purpose = purpose;
    // Errors of an idle connection (the server went away) come out at the next query; nobody else listens.
    core.on('error', () => undefined);
    // A listener for each of many questions under way is no leak.
    setMaxListeners(0, this.#discarded.signal);
  }

  /**
   * Runs a statement and gives its rows. Values are always bound, never spliced into the text.
   * @throws WaymarkError those of {@link statementError}.
   */
  async query(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const answer = await this.#ask(sql, values);
    if (Array.isArray(answer)) return answer as Row[];
    throw new WaymarkError('protocol', `No rows in the answer to: ${sql}`);
  }

  /** Runs a statement that gives no rows; resolves with how many it has changed. Errors as in `query`. */
  async run(sql: string, values: readonly unknown[] = []): Promise<number> {
    const answer = await this.#ask(sql, values);
    const counts = typeof answer === 'object' && answer !== null && 'affectedRows' in answer;
    return counts ? Number(answer.affectedRows) : 0;
  }

  /** The raw socket below (the TLS socket where TLS is on). mysql2 keeps it in `stream`. */
  get socket(): Socket {
    return socketOf(this.#core);
  }

  /** The connection's id on the server, as SHOW PROCESSLIST has it and KILL takes it. */
  get id(): number {
    return this.#core.threadId;
  }

  /** How the server greeted us: the version that it gives there. mysql2 keeps the packet. */
  get greeting(): string {
    const packet: unknown = '_handshakePacket' in this.#core ? this.#core._handshakePacket : undefined;
    const known = typeof packet === 'object' && packet !== null && 'serverVersion' in packet;
    if (known && typeof packet.serverVersion === 'string') return packet.serverVersion;
    throw new WaymarkError('protocol', 'mysql2 gave no greeting of the server');
  }

  /**
   * Says goodbye and ends the connection. A connection that just goes away is a line in the server's error log
   * ("Aborted connection"), so this is for all that ends well. Never throws; takes no longer than a moment.
   */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#core.end(() => {
        resolve();
      });
    });
    try {
      await withDeadline(ended, goodbyeMs, () => new Error('no answer'));
    } catch {
      // It is gone either way.
    } finally {
      this.discard();
    }
  }

  /** Ends the connection at once, without waiting for the server's goodbye; queries under way reject. Never throws. */
  discard(): void {
    destroy(this.#core);
    this.#discarded.abort(Object.assign(new Error('it was given up'), { fatal: true }));
  }

  async #ask(sql: string, values: readonly unknown[]): Promise<unknown> {
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#core.query(sql, [...values], (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
    try {
      // mysql2 leaves the query of a destroyed connection pending.
      return await abortable(answered, this.#discarded.signal);
    } catch (error) {
      throw statementError(error, this.instance, this.purpose);
    }
  }
}

function socketOf(core: CoreConnection): Socket {
  const stream: unknown = 'stream' in core ? core.stream : undefined;
  if (stream instanceof Socket) return stream;
  throw new WaymarkError('protocol', 'mysql2 gave no socket for the connection');
}

function destroy(core: CoreConnection): void {
  core.destroy();
  // mysql2 only says goodbye; a server that is frozen never answers, and the socket would stay.
  socketOf(core).destroy();
}

function connectionOptions(instance: Instance): ConnectionOptions {
  const { address, account } = instance;
  return {
    host: address.host,
    port: address.port,
    user: account.user,
    password: account.password.reveal(),
    connectTimeout: 0,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // A server may ask for LOAD DATA LOCAL and then read any file of ours: not a capability we offer.
    flags: ['-LOCAL_FILES'],
    ...(account.tls ? { ssl: tlsOptions(account.tls) } : {}),
  };
}

function tlsOptions(
  tls: NonNullable<Account['tls']>,
): NonNullable<Exclude<ConnectionOptions['ssl'], string>> {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.verify ?? true,
    // The certificate must be this host's, not just anybody's whom the same authority trusts.
    verifyIdentity: tls.verify ?? true,
  };
}

/** One limit for all of it: mysql2's own covers the TCP connection alone; a frozen server accepts and never greets. */
function handshake(core: CoreConnection, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => {
      // When this process stood still itself, what has come meanwhile (a refusal, too) is taken first.
      setImmediate(() => {
        settle(
          Object.assign(new Error(`no answer within ${formatDuration(timeoutMs)}`), { code: 'ETIMEDOUT' }),
        );
      });
    }, timeoutMs);
    const onAbort = (): void => {
      settle(new Error('aborted'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    core.on('error', () => undefined);
    core.connect(settle);
  });
}
