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

/** What came of a compare-and-set. */
export type WriteOutcome =
  { readonly written: true; readonly version: ZnodeVersion } | { readonly written: false };

/** Of a write that goes on top of every version (ZooKeeper Programmer's Guide, "Data Access"). */
const anyVersion = -1;

/** One znode with a record, over one client, until `signal` fires: then every call rejects with its reason. */
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
   * The newest content, also where the server that we talk to lags behind; null when there is no such znode.
   * @throws ZooKeeperError
   */
  async read(): Promise<Znode | null> {
    const synced = await this.#wait(this.#client.sync(this.#path));
    if (!synced.ok) throw new ZooKeeperError(synced.code);
    const reply = await this.#wait(this.#client.get(this.#path));
    if (reply.ok) return reply.value;
    if (reply.code === zookeeperCode.noNode) return null;
    throw new ZooKeeperError(reply.code);
  }

  /**
   * Writes if the znode stands at `base` (null: there is none yet).
   * @param expected the version that the caller named, under which the write is noted while its outcome is open.
   * @throws ZooKeeperError
   */
  async write(
    bytes: Buffer,
    base: ZnodeVersion | null,
    expected: string | null,
    unsettled: UnsettledWrites,
  ): Promise<WriteOutcome> {
    // ZooKeeper compares the data version only: a znode deleted and made again could happen to have the same one.
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
    const conflicts: number[] = [zookeeperCode.badVersion, zookeeperCode.nodeExists];
    if (base !== null) conflicts.push(zookeeperCode.noNode);
    if (conflicts.includes(outcome.code)) return { written: false };
    throw new ZooKeeperError(outcome.code);
  }

  /**
   * Writes whatever stands there.
   * @throws ZooKeeperError
   */
  async overwrite(bytes: Buffer): Promise<void> {
    const set = await this.#wait(this.#client.set(this.#path, bytes, anyVersion));
    if (set.ok) return;
    if (set.code !== zookeeperCode.noNode) throw new ZooKeeperError(set.code);
    const created = await this.#create(bytes);
    if (!created.ok) throw new ZooKeeperError(created.code);
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
    // The answer to a create has no version. Version 0 is what we wrote; a later one is somebody else's.
    const found = await this.#wait(this.#client.get(this.#path));
    if (!found.ok || (found.value.version === 0 && found.value.data.equals(bytes))) return found;
    return { ok: false, code: zookeeperCode.badVersion };
  }

  #wait<T>(reply: Promise<Reply<T>>): Promise<Reply<T>> {
    return abortable(reply, this.#signal);
  }
}
