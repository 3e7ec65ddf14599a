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

/** A row of an answer: values by column. */
export type Row = RowDataPacket;

export type ConnectOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** What the server is asked for over it, for messages: "list its binary logs". */
  readonly purpose?: string;
  /** How long an answer may be, where it may be longer than {@link answerBytes}. */
  readonly maximumAnswerBytes?: number;
};

const defaultConnectTimeoutMs = 3000;

/** What a server says while an account logs in is some hundred bytes; a key may be among them. */
const loginBytes = 16 * 1024;
/** An answer is a few kilobytes; a list of 50,000 log files is this long. In memory it takes many times as much. */
const answerBytes = 2 * 1024 * 1024;

/**
 * Opens a connection.
 * @throws WaymarkError `server-unreachable` (refused, no route, no answer within the limit, too many connections) or
 * `access-denied`; both name the server and the account.
 */
export async function connect(instance: Instance, options: ConnectOptions = {}): Promise<ServerConnection> {
  options.signal?.throwIfAborted();
  const login = new Login(instance);
  const core = createConnection(connectionOptions(instance, login));
  try {
    const bound = new AnswerBound(core, loginBytes);
    const { tls } = instance.account;
    if (tls !== undefined && socketPathOf(instance.address) === null) {
      upgradeOwnWay(core, instance.address.host, tls);
    }
    await handshake(core, bound, options.connectTimeoutMs ?? defaultConnectTimeoutMs, options.signal);
    return new ServerConnection(core, instance, bound, { ...options, fromMemory: login.fromMemory });
  } catch (error) {
    destroy(core);
    options.signal?.throwIfAborted();
    throw connectError(login.refusal ?? error, instance);
  }
}

/** Does something over a connection of its own, which is ended whatever happens. Errors as in {@link connect}. */
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
  /** Whether the login would have been refused if the server had just been restarted: see Login. */
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
      this.#bound.expect(this.#answerBytes);
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
  if (stream instanceof Duplex) return stream;
  throw new WaymarkError('protocol', 'mysql2 gave no socket for the connection');
}

function destroy(core: CoreConnection): void {
  core.destroy();
  // mysql2 only says goodbye; a server that is frozen never answers, and the socket would stay.
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
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // A server may ask for LOAD DATA LOCAL and then read any file of ours: not a capability we offer.
    flags: ['-LOCAL_FILES'],
    authPlugins: login.plugins,
    // What is in it is ours: see upgradeOwnWay. What goes over a Unix socket leaves this machine nowhere.
    ...(account.tls && path === null ? { ssl: {} } : {}),
  };
}

function tooLong(instance: Instance, purpose: string, bytes: number): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'protocol',
    `${server} was asked to ${purpose}, and sent more than ${formatBytes(bytes)}: its connection is given up`,
    { details: { server } },
  );
}

/** One limit for all of it: mysql2's own covers the TCP connection alone; a frozen server accepts and never greets. */
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
      // When this process stood still itself, what has come meanwhile (a refusal, too) is taken first.
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
