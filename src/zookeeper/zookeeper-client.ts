import { type ZnodeKind, type ZnodeVersion, type ZooKeeperCall, zookeeperCode } from './zookeeper-calls.js';
import type {
  AnyValue,
  ClientKind,
  ConnectionLoss,
  Reply,
  Session,
  ZooKeeperConnection,
} from './zookeeper-connection.js';

export { type Reply, type Session, type ZnodeVersion, zookeeperCode };

/** A znode's version and data. */
export type Znode = ZnodeVersion & { readonly data: Buffer };

/** The calls to ZooKeeper over one connection, as long as it lasts. */
export class ZooKeeperClient {
  readonly #connection: ZooKeeperConnection;

  constructor(connection: ZooKeeperConnection) {
    this.#connection = connection;
  }

  /** Which client holds the connection. */
  get kind(): ClientKind {
    return this.#connection.kind;
  }

  /** Resolves when the session is established. Stays pending if that never happens. */
  get connected(): Promise<Session> {
    return this.#connection.connected;
  }

  /** Resolves when the connection is lost, when the session has expired, or after close() or abandon(). */
  get lost(): Promise<ConnectionLoss> {
    return this.#connection.lost;
  }

  /** Waits until the connected server has everything that was committed before the call. */
  sync(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'sync', path }, () => null);
  }

  /**
   * @param changed called once, when the node is created, changed or deleted, or when the connection ends.
   */
  exists(path: string, changed?: () => void): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'exists', path, watch: changed !== undefined }, versionOf, changed);
  }

  /** @param changed called once, when the node is changed or deleted, or when the connection ends. */
  get(path: string, changed?: () => void): Promise<Reply<Znode>> {
    return this.#call({ kind: 'get', path, watch: changed !== undefined }, znodeOf, changed);
  }

  /** Returns the names of the child nodes, in no order. */
  children(path: string): Promise<Reply<readonly string[]>> {
    return this.#call({ kind: 'children', path }, namesOf);
  }

  /**
   * Creates a node below an existing parent. Returns the last part of its path, with the number of a
   * sequential node.
   */
  create(path: string, data: Buffer, as: ZnodeKind = 'persistent'): Promise<Reply<string>> {
    return this.#call({ kind: 'create', path, data, as }, lastNameOf);
  }
  /** Sets the data if the node has this version. Version -1 matches any. */

  set(path: string, data: Buffer, version: number): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'set', path, data, version }, versionOf);
  }
  /** Deletes the node, whatever its version. */

  delete(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'delete', path }, () => null);
  }

  /** Ends the session. Pending calls get the code `closing`. Resolves when everything is released. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Closes the connection. The session stays open, so that another client can go on with it. */
  abandon(): Promise<void> {
    return this.#connection.abandon();
  }

  async #call<T>(call: ZooKeeperCall, read: (value: AnyValue) => T, changed?: () => void): Promise<Reply<T>> {
    const reply = await this.#connection.call(call, changed);
    return reply.ok ? { ok: true, value: read(reply.value) } : reply;
  }
}

// These throw only if a connection is broken by design: each call has its kind of value. A made-up version
// would break compare-and-set.

function versionOf(value: AnyValue): ZnodeVersion {
  if (value === null || typeof value === 'string' || !('czxid' in value)) {
    throw new TypeError('the connection to ZooKeeper returned no version');
  }
  return { czxid: value.czxid, version: value.version };
}

function znodeOf(value: AnyValue): Znode {
  if (value === null || typeof value === 'string' || !('data' in value)) {
    throw new TypeError('the connection to ZooKeeper returned no content');
  }
  return { ...versionOf(value), data: Buffer.from(value.data) };
}

function namesOf(value: AnyValue): readonly string[] {
  if (value === null || typeof value === 'string' || 'czxid' in value) {
    throw new TypeError('the connection to ZooKeeper returned no names');
  }
  return value;
}

function lastNameOf(value: AnyValue): string {
  if (typeof value !== 'string') throw new TypeError('the connection to ZooKeeper returned no path');
  return value.slice(value.lastIndexOf('/') + 1);
}
