import { setMaxListeners } from 'node:events';
import { Duplex } from 'node:stream';
import {
  createConnection,
  type Connection as CoreConnection,
  type ConnectionOptions,
  type RowDataPacket,
} from 'mysql2';
import type { Socket } from '../runtime/network.js';
import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { formatAddress, socketPathOf } from '../config/address.js';
import { withDeadline } from '../util/async.js';
import { after, onNextTurn } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { AnswerBound } from './answer-bound.js';
import type { Instance } from './instance.js';
import { Login } from './login.js';
import { connectError, statementError } from './server-error.js';
import { upgradeOwnWay } from './tls.js';
import { formatBytes, formatDuration } from '../util/quantities.js';

/** A row of a result set: values by column. */
export type Row = RowDataPacket;

/** How to connect, and what the connection is for. */
export type ConnectOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** What the server is asked to do, for messages: "list its binary logs". */
  readonly purpose?: string;
  /** How long an answer may be, in bytes, if {@link answerBytes} is too little. */
  readonly maximumAnswerBytes?: number;
};

const defaultConnectTimeoutMs = 3000;

/** While an account logs in, a server sends a few hundred bytes. A public key may be among them. */
const loginBytes = 16 * 1024;
/**
 * An answer usually has a few kilobytes. A list of 50,000 log files is as long as this limit. In memory an answer takes
 * several times as much.
 */
const answerBytes = 2 * 1024 * 1024;

/**
 * Opens a connection.
 * @throws WaymarkError `server-unreachable` (refused, no route, no answer within the limit, too many connections) or
 *   `access-denied`. Both name the server. `access-denied` names the account, too.
 */
export async function connect(instance: Instance, options: ConnectOptions = {}): Promise<ServerConnection> {
  options.signal?.throwIfAborted();
  const login = new Login(instance);
  const core = createConnection(connectionOptions(instance, login));
  try {
    const bound = new AnswerBound(core, loginBytes);
    const { address, certificateName = address.host } = instance;
    const { tls } = instance.account;
    if (tls !== undefined && socketPathOf(address) === null) {
      upgradeOwnWay(core, certificateName, tls);
    }
    await handshake(core, bound, options.connectTimeoutMs ?? defaultConnectTimeoutMs, options.signal);
    return new ServerConnection(core, instance, bound, { ...options, fromMemory: login.fromMemory });
  } catch (error) {
    destroy(core);
    options.signal?.throwIfAborted();
    throw connectError(login.refusal ?? error, instance);
  }
}

/** Passes a new connection to `work`, and ends it whatever happens. Errors as in {@link connect}. */
export async function withConnection<T>(
  instance: Instance,
  options: ConnectOptions,
  work: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect(instance, options);
  try {
    const result = await work(connection);
    await connection.close();
    return result;
  } finally {
    connection.discard();
  }
}

/** How long to wait for the server to close the connection. */
const goodbyeMs = 200;

/**
 * A connection to one server. All questions go through it, so that every failure becomes one of waymark's errors (see
 * server-error.ts).
 */
export class ServerConnection {
  readonly instance: Instance;
  /** What the server is asked to do, for messages. Set it before each question. */
  purpose: string;
  /** Whether the server would have refused this login right after a restart: see Login. */
  readonly fromMemory: boolean;
  readonly #core: CoreConnection;
  readonly #discarded = new AbortController();
  readonly #bound: AnswerBound;
  readonly #answerBytes: number;

  constructor(
    core: CoreConnection,
    instance: Instance,
    bound: AnswerBound,
    options: ConnectOptions & { readonly fromMemory: boolean },
  ) {
    this.#core = core;
    this.instance = instance;
    this.purpose = options.purpose ?? 'answer';
    this.fromMemory = options.fromMemory;
    this.#bound = bound;
    this.#answerBytes = options.maximumAnswerBytes ?? answerBytes;
    bound.onExceeded = (bytes) => {
      destroy(core);
      this.#discarded.abort(tooLong(instance, this.purpose, bytes));
    };
    // If the server goes away while the connection is idle, the next query reports it. Nobody else listens.
    core.on('error', () => undefined);
    // Many questions may wait on this signal. Their listeners are no leak.
    setMaxListeners(0, this.#discarded.signal);
  }

  /**
   * Runs a statement and returns its rows. Values are always bound, never put into the text.
   * @throws WaymarkError those of {@link statementError}.
   */
  async query(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const answer = await this.#ask(sql, values);
    if (Array.isArray(answer)) return answer as Row[];
    throw new WaymarkError('protocol', `No rows in the answer to: ${sql}`);
  }

  /** Runs a statement without rows. Resolves with the number of affected rows. Errors as in `query`. */
  async run(sql: string, values: readonly unknown[] = []): Promise<number> {
    const answer = await this.#ask(sql, values);
    const counts = typeof answer === 'object' && answer !== null && 'affectedRows' in answer;
    return counts ? Number(answer.affectedRows) : 0;
  }

  /** The connection's socket: with TLS, the TLS socket. mysql2 keeps it in `stream`. */
  get socket(): Socket {
    return socketOf(this.#core);
  }

  /** The connection's id on the server, as SHOW PROCESSLIST shows it and KILL takes it. */
  get id(): number {
    return this.#core.threadId;
  }

  /** The version in the server's greeting. mysql2 keeps the packet. */
  get greeting(): string {
    const packet: unknown = '_handshakePacket' in this.#core ? this.#core._handshakePacket : undefined;
    const known = typeof packet === 'object' && packet !== null && 'serverVersion' in packet;
    if (known && typeof packet.serverVersion === 'string') return packet.serverVersion;
    throw new WaymarkError('protocol', 'mysql2 gave no greeting of the server');
  }

  /**
   * Tells the server that the connection ends, and ends it. If a connection just goes away, the server logs an error
   * ("Aborted connection"). So use this whenever all went well. Never rejects, and takes no longer than {@link
   * goodbyeMs}.
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
      // The connection is gone either way.
    } finally {
      this.discard();
    }
  }

  /** Ends the connection at once, without telling the server. Queries under way reject. Never throws. */
  discard(): void {
    destroy(this.#core);
    this.#discarded.abort(Object.assign(new Error('it was given up'), { fatal: true }));
  }

  async #ask(sql: string, values: readonly unknown[]): Promise<unknown> {
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#bound.expect(this.#answerBytes);
      this.#core.query(sql, [...values], (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
    try {
      // mysql2 never settles the query of a destroyed connection.
      return await abortable(answered, this.#discarded.signal);
    } catch (error) {
      throw statementError(error, this.instance, this.purpose);
    }
  }
}

function socketOf(core: CoreConnection): Socket {
  const stream: unknown = 'stream' in core ? core.stream : undefined;
  if (stream instanceof Duplex) return stream;
  throw new WaymarkError('protocol', 'mysql2 gave no socket for the connection');
}

function destroy(core: CoreConnection): void {
  core.destroy();
  // mysql2 only tells the server and waits. A frozen server never closes the connection, so the socket would stay.
  socketOf(core).destroy();
}

function connectionOptions(instance: Instance, login: Login): ConnectionOptions {
  const { address, account } = instance;
  const path = socketPathOf(address);
  return {
    ...(path === null ? {} : { socketPath: path }),
    stream: () => runtime().network.connect(path === null ? address : { path }),
    user: account.user,
    password: account.password.reveal(),
    connectTimeout: 0,
    // None are used. By default mysql2 makes room for 16,000 of them: half a megabyte for each connection.
    maxPreparedStatements: 1,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // With LOAD DATA LOCAL, a server could read any file of this machine. So waymark doesn't offer that capability.
    flags: ['-LOCAL_FILES'],
    authPlugins: login.plugins,
    // upgradeOwnWay decides how TLS is used. Data on a Unix socket never leave this machine, so TLS isn't used there.
    ...(account.tls && path === null ? { ssl: {} } : {}),
  };
}

function tooLong(instance: Instance, purpose: string, bytes: number): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'protocol',
    `${server} was asked to ${purpose}, and sent more than ${formatBytes(bytes)}. The connection was given up`,
    { details: { server } },
  );
}

/**
 * Connects and logs in, with one limit for everything. mysql2's own limit covers only the TCP connection, but a frozen
 * server accepts the connection and never greets.
 */
function handshake(
  core: CoreConnection,
  bound: AnswerBound,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    const timer = after(timeoutMs, () => {
      // If this process stood still, first take what has arrived meanwhile. It may be a refusal.
      onNextTurn(() => {
        settle(
          Object.assign(new Error(`no answer within ${formatDuration(timeoutMs)}`), { code: 'ETIMEDOUT' }),
        );
      });
    });
    const onAbort = (): void => {
      settle(new Error('aborted'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    core.on('error', () => undefined);
    bound.onExceeded = (bytes) => {
      const code = 'PROTOCOL_UNEXPECTED_PACKET';
      settle(Object.assign(new Error(`it greeted with more than ${formatBytes(bytes)}`), { code }));
    };
    core.connect(settle);
  });
}
