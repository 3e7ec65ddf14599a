import { abortable } from '../util/abortable.js';
import { ZooKeeperError, isOutcomeUnknown } from '../zookeeper/zookeeper-error.js';
import { createParents } from '../zookeeper/parents.js';
import {
  type Reply,
  type Znode,
  type ZnodeVersion,
  type ZooKeeperClient,
  zookeeperCode,
} from '../zookeeper/zookeeper-client.js';
import type { UnsettledWrites } from './unsettled-writes.js';

/** The outcome of a compare-and-set. */
export type WriteOutcome =
  { readonly written: true; readonly version: ZnodeVersion } | { readonly written: false };

/**
 * A znode that holds a record. It uses one client until `signal` fires. Then every call rejects with the
 * signal's reason.
 */
export class ZnodeRecord {
  readonly #client: ZooKeeperClient;
  readonly #path: string;
  readonly #signal: AbortSignal;

  constructor(client: ZooKeeperClient, path: string, signal: AbortSignal) {
    this.#client = client;
    this.#path = path;
    this.#signal = signal;
  }

  /**
   * Returns the newest content, even if the connected server lags behind. Null if there is no such znode.
   * @throws ZooKeeperError
   */
  async read(): Promise<Znode | null> {
    await this.#sync();
    const reply = await this.#wait(this.#client.get(this.#path));
    if (reply.ok) return reply.value;
    if (reply.code === zookeeperCode.noNode) return null;
    throw new ZooKeeperError(reply.code);
  }

  /**
   * Writes if the znode has the version `base`. Null: it must not exist yet.
   * @param expected the version that the caller named. While its outcome is unknown, the write is noted under
   *   it.
   * @throws ZooKeeperError
   */
  async write(
    bytes: Buffer,
    base: ZnodeVersion | null,
    expected: string | null,
    unsettled: UnsettledWrites,
  ): Promise<WriteOutcome> {
    // ZooKeeper compares only the data version. A znode that was deleted and created again may have the same
    // one.
    if (base !== null && !(await this.#standsAt(base))) return { written: false };
    const write = unsettled.begin(expected, bytes);
    const outcome = base === null ? await this.#create(bytes) : await this.#set(bytes, base);
    if (outcome.ok) {
      const { value } = outcome;
      unsettled.clear();
      if (base !== null && base.czxid !== value.czxid) return { written: false };
      return { written: true, version: value };
    }
    if (isOutcomeUnknown(outcome.code)) throw new ZooKeeperError(outcome.code);
    unsettled.refused(write);
    if (isConflict(outcome.code, base)) return { written: false };
    throw new ZooKeeperError(outcome.code);
  }

  /**
   * Returns the newest version, even if the connected server lags behind. Null if there is no such znode.
   * @throws ZooKeeperError
   */
  async version(): Promise<ZnodeVersion | null> {
    await this.#sync();
    const reply = await this.#wait(this.#client.exists(this.#path));
    if (reply.ok) return reply.value;
    if (reply.code === zookeeperCode.noNode) return null;
    throw new ZooKeeperError(reply.code);
  }

  /**
   * Writes if the znode still has the version that {@link version} has returned. Returns whether it had.
   * @throws ZooKeeperError
   */
  async replace(bytes: Buffer, base: ZnodeVersion | null): Promise<boolean> {
    const outcome = base === null ? await this.#create(bytes) : await this.#set(bytes, base);
    if (outcome.ok) return true;
    if (isConflict(outcome.code, base)) return false;
    throw new ZooKeeperError(outcome.code);
  }

  async #sync(): Promise<void> {
    const synced = await this.#wait(this.#client.sync(this.#path));
    if (!synced.ok) throw new ZooKeeperError(synced.code);
  }

  async #standsAt(base: ZnodeVersion): Promise<boolean> {
    const reply = await this.#wait(this.#client.exists(this.#path));
    if (reply.ok) return reply.value.czxid === base.czxid && reply.value.version <= base.version;
    if (reply.code === zookeeperCode.noNode) return false;
    throw new ZooKeeperError(reply.code);
  }

  #set(bytes: Buffer, base: ZnodeVersion): Promise<Reply<ZnodeVersion>> {
    return this.#wait(this.#client.set(this.#path, bytes, base.version));
  }

  async #create(bytes: Buffer): Promise<Reply<ZnodeVersion>> {
    let reply = await this.#wait(this.#client.create(this.#path, bytes));
    if (!reply.ok && reply.code === zookeeperCode.noNode) {
      await createParents(this.#client, this.#path, this.#signal);
      reply = await this.#wait(this.#client.create(this.#path, bytes));
    }
    if (!reply.ok) return reply;
    // The reply to a create has no version. If it is 0, we wrote the data. If not, somebody else did.
    const found = await this.#wait(this.#client.get(this.#path));
    if (!found.ok || (found.value.version === 0 && found.value.data.equals(bytes))) return found;
    return { ok: false, code: zookeeperCode.badVersion };
  }

  #wait<T>(reply: Promise<Reply<T>>): Promise<Reply<T>> {
    return abortable(reply, this.#signal);
  }
}

/** Whether a write was refused because the znode doesn't have the version `base`. */
function isConflict(code: number, base: ZnodeVersion | null): boolean {
  if (code === zookeeperCode.noNode) return base !== null;
  return code === zookeeperCode.badVersion || code === zookeeperCode.nodeExists;
}
