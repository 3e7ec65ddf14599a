import { setMaxListeners } from 'node:events';
import { formatAddress } from '../config/address.js';
import { abortable } from '../util/abortable.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import { type SharedHandle, SharedPool } from '../util/shared.js';
import { connect, type ServerConnection } from './connection.js';
import type { Instance } from './instance.js';
import { errorNumberOf, isOfServer, unanswered } from './server-error.js';

/** A connection that is open or being opened, and a signal that fires when it is given up. */
type Line = { readonly connection: Promise<ServerConnection>; readonly broken: AbortController };

/**
 * The connection to the server of waymark's own tables. It is opened when it is needed, and again after it breaks.
 * Several callers may use it at the same time. The server answers them in turn.
 */
export class TableLink {
  readonly instance: Instance;
  readonly #closing = new AbortController();
  #line: Line | null = null;

  constructor(instance: Instance) {
    this.instance = instance;
    // Many streams may listen. Their listeners are no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Runs `action` on the connection, for at most `ms`. A connection that is broken or doesn't answer is given up. The
   * server may still carry out what was under way.
   * @throws WaymarkError those of askServer. Also throws what `action` throws, and the signal's reason.
   */
  async run<T>(
    ms: number,
    signal: AbortSignal,
    action: (connection: ServerConnection) => Promise<T>,
  ): Promise<T> {
    const line = this.#open();
    try {
      return await within(ms, [signal, this.#closing.signal, line.broken.signal], async (limit) => {
        const connection = await abortable(line.connection, limit);
        return abortable(action(connection), limit);
      });
    } catch (error) {
      // Keep the connection for the others if this caller stopped waiting, or the server refused.
      const late = error instanceof TimeOver;
      if (late || (isOfServer(error) && errorNumberOf(error) === null)) this.#drop(line);
      if (late && !signal.aborted) throw unanswered(this.instance, tablesPurpose, ms, error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#lost('was closed'));
    const line = this.#line;
    this.#line = null;
    await line?.connection.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }

  #open(): Line {
    if (this.#line !== null) return this.#line;
    const broken = new AbortController();
    const connection = prepare(this.instance, AbortSignal.any([this.#closing.signal, broken.signal]));
    const line = { connection, broken };
    this.#line = line;
    connection.catch(() => {
      if (this.#line === line) this.#line = null;
    });
    return line;
  }

  #drop(line: Line): void {
    if (this.#line === line) this.#line = null;
    line.connection.then(
      (connection) => {
        connection.discard();
      },
      () => undefined,
    );
    line.broken.abort(this.#lost('broke'));
  }

  #lost(how: string): WaymarkError {
    const server = formatAddress(this.instance.address);
    return new WaymarkError('stream-broken', `The connection to ${server} ${how}`, { details: { server } });
  }
}

/** The layouts of a large schema are one value. */
const answerBytes = 64 * 1024 * 1024;

/** What the server is asked to do, for messages. */
const tablesPurpose = "read or write waymark's tables";

const links = new SharedPool<TableLink>();

/**
 * Returns a handle on this process's connection to that server, with that account, for one purpose. All streams share
 * it. The purposes are apart, because a slow request (to store a large record) must not end another one (to renew a
 * lease).
 */
export function shareTableLink(
  instance: Instance,
  purpose: 'election' | 'checkpoint',
): SharedHandle<TableLink> {
  const { user, password, tls } = instance.account;
  const key = JSON.stringify([purpose, formatAddress(instance.address), user, password.reveal(), tls]);
  return links.share(key, () => new TableLink(instance));
}

async function prepare(instance: Instance, signal: AbortSignal): Promise<ServerConnection> {
  const connection = await connect(instance, {
    signal,
    purpose: tablesPurpose,
    maximumAnswerBytes: answerBytes,
  });
  try {
    // Whatever the server's defaults are: each statement is a transaction, and no statement truncates a value.
    await abortable(connection.run("SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES'"), signal);
    return connection;
  } catch (error) {
    connection.discard();
    throw error;
  }
}
