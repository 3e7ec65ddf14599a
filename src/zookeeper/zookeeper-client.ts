import { type ZnodeKind, type ZnodeVersion, type ZooKeeperCall, zookeeperCode } from './zookeeper-calls.js';
import type {
  AnyValue,
  ClientKind,
  Loss,
  Reply,
  Session,
  ZooKeeperConnection,
} from './zookeeper-connection.js';

export { type Reply, type Session, type ZnodeVersion, zookeeperCode };

/** A znode's content. */
export type Znode = ZnodeVersion & { readonly data: Buffer };

/** What can be asked of ZooKeeper, over one connection and for as long as that lasts. */
export class ZooKeeperClient {
  readonly #connection: ZooKeeperConnection;

  constructor(connection: ZooKeeperConnection) {
    this.#connection = connection;
  }

  /** Who speaks with ZooKeeper. */
  get kind(): ClientKind {
    return this.#connection.kind;
  }

  /** Resolves when the session stands; never when it doesn't come to that. */
  get connected(): Promise<Session> {
    return this.#connection.connected;
  }

  /** Resolves when the connection is lost, the session has expired, or close() or abandon() was called. */
  get lost(): Promise<Loss> {
    return this.#connection.lost;
  }

  /** Waits until the server that we are connected to knows everything that was committed before. */
  sync(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'sync', path }, () => null);
  }

  /** @param changed called once, when the node has come, changed or gone since, or nobody can tell any more. */
  exists(path: string, changed?: () => void): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'exists', path, watch: changed !== undefined }, versionOf, changed);
  }

  /** @param changed called once, when the node has changed or gone since, or nobody can tell any more. */
  get(path: string, changed?: () => void): Promise<Reply<Znode>> {
    return this.#call({ kind: 'get', path, watch: changed !== undefined }, znodeOf, changed);
  }

  /** The names of the nodes below, in no order. */
  children(path: string): Promise<Reply<readonly string[]>> {
    return this.#call({ kind: 'children', path }, namesOf);
  }

  /** Makes a node, whose parent must be there; gives its last name, with its number where it has one. */
  create(path: string, data: Buffer, as: ZnodeKind = 'persistent'): Promise<Reply<string>> {
    return this.#call({ kind: 'create', path, data, as }, lastNameOf);
  }

  set(path: string, data: Buffer, version: number): Promise<Reply<ZnodeVersion>> {
    return this.#call({ kind: 'set', path, data, version }, versionOf);
  }

  delete(path: string): Promise<Reply<null>> {
    return this.#call({ kind: 'delete', path }, () => null);
  }

  /** Ends the session; calls under way get `closing` for an answer. Resolves when nothing is left of it. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Leaves the session as it is, for another client to go on with. */
  abandon(): Promise<void> {
    return this.#connection.abandon();
  }

  async #call<T>(call: ZooKeeperCall, read: (value: AnyValue) => T, changed?: () => void): Promise<Reply<T>> {
    const reply = await this.#connection.call(call, changed);
    return reply.ok ? { ok: true, value: read(reply.value) } : reply;
  }
}

// What follows can't fail: each call gives what is of its kind. A version made up would break compare-and-set.

function versionOf(value: AnyValue): ZnodeVersion {
  if (value === null || typeof value === 'string' || !('czxid' in value)) {
    throw new TypeError('the connection to ZooKeeper gave no version');
  }
  return { czxid: value.czxid, version: value.version };
}

function znodeOf(value: AnyValue): Znode {
  if (value === null || typeof value === 'string' || !('data' in value)) {
    throw new TypeError('the connection to ZooKeeper gave no content');
  }
  return { ...versionOf(value), data: Buffer.from(value.data) };
}

function namesOf(value: AnyValue): readonly string[] {
  if (value === null || typeof value === 'string' || 'czxid' in value) {
    throw new TypeError('the connection to ZooKeeper gave no names');
  }
  return value;
}

function lastNameOf(value: AnyValue): string {
  if (typeof value !== 'string') throw new TypeError('the connection to ZooKeeper gave no path');
  return value.slice(value.lastIndexOf('/') + 1);
}
