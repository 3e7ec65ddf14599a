import { setMaxListeners } from 'node:events';
import { formatAddress } from '../config/address.js';
import { abortable } from '../util/abortable.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver, within } from '../util/limits.js';
import { type SharedHandle, SharedPool } from '../util/shared.js';
import { connect, type ServerConnection } from './connection.js';
import type { Instance } from './instance.js';
import { errorNumberOf, isOfServer, unanswered } from './server-error.js';

/** A connection, made or being made, and a signal that fires when it is given up. */
type Line = { readonly connection: Promise<ServerConnection>; readonly broken: AbortController };

/**
 * A connection to the server of our own tables, made when it is needed, and anew when it breaks. Several may use it at
 * a time: what they ask is answered in turn.
 */
export class TableLink {
  readonly instance: Instance;
  readonly #closing = new AbortController();
  #line: Line | null = null;

  constructor(instance: Instance) {
    this.instance = instance;
    // A listener for each of many streams is no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Runs `action` on the connection, for no longer than `ms`. A connection that has broken or doesn't answer is given
   * up; what was under way may still be done by the server.
   * @throws WaymarkError those of askServer; what `action` throws; the signal's reason.
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
      // Whoever just doesn't want to wait any longer, or was refused, leaves the connection to the others.
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

/** The record of layouts of a large schema. */
const answerBytes = 64 * 1024 * 1024;

/** What the server is asked for, for messages. */
const tablesPurpose = "read or write waymark's tables";

const links = new SharedPool<TableLink>();

/**
 * The connection of this process to that server with that account, for one purpose: all streams share it. What is slow
 * for one purpose (to store a large record) must not break off another (to renew a lease).
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
    // Whatever the server's defaults: each statement is a transaction, and none cuts off what doesn't fit.
    await abortable(connection.run("SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES'"), signal);
    return connection;
  } catch (error) {
    connection.discard();
    throw error;
  }
}
