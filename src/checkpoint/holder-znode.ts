import { abortable } from '../util/abortable.js';
import { uptimeMs } from '../util/clock.js';
import { type Holder, parseHolder } from '../util/lock-holder.js';
import { createParents } from '../zookeeper/parents.js';
import { valueOf, ZooKeeperError } from '../zookeeper/zookeeper-error.js';
import { type Znode, type ZooKeeperClient, zookeeperCode } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperSession } from '../zookeeper/zookeeper-session.js';
import type { FoundHolder, HolderNote } from './holder-note.js';

/** Runs an action in ZooKeeper within a time limit. */
type Run = <T>(
  signal: AbortSignal,
  action: (client: ZooKeeperClient, session: ZooKeeperSession, limit: AbortSignal) => Promise<T>,
) => Promise<T>;

/** Servers end sessions at whole ticks, of 2 s by default (ZooKeeper Administrator's Guide, tickTime). */
const ticksMs = 4_000;
/** How old the confirmation of our session may be. */
const knownForMs = 5_000;
/** How often a claim tries again after a node was created or deleted meanwhile. */
const maxRounds = 3;

/**
 * The note as an ephemeral znode. It disappears with its creator's session. If we can't inspect the process
 * that created it, we wait for the length of our own session. A node that is still there then belongs to a
 * living session.
 */
export class HolderZnode implements HolderNote {
  readonly #path: string;
  readonly #run: Run;
  /** The number of the session that created our node. */
  #madeIn: number | null = null;
  /** Another process's node, and since when we have seen it. */
  #seen: { readonly czxid: number; readonly sinceMs: number } | null = null;

  constructor(path: string, run: Run) {
    this.#path = path;
    this.#run = run;
  }

  claim(me: Holder, signal: AbortSignal): Promise<FoundHolder | null> {
    return this.#run(signal, async (client, session, limit) => {
      for (let round = 0; round < maxRounds; round += 1) {
        const { number } = session;
        const found = await this.#read(client, limit);
        if (found === null) {
          if (!(await this.#create(client, me, limit))) continue;
          this.#madeIn = number;
          this.#seen = null;
          return null;
        }
        const holder = parseHolder(found.data.toString('utf8'));
        if (holder?.nonce !== me.nonce) return this.#describe(found.czxid, holder, session);
        if (this.#madeIn === number) return null;
        // This node belongs to an earlier session of ours, and would disappear with it.
        await this.#delete(client, limit);
      }
      throw new ZooKeeperError(zookeeperCode.nodeExists);
    });
  }

  look(signal: AbortSignal): Promise<FoundHolder | null> {
    return this.#run(signal, async (client, session, limit) => {
      const found = await this.#read(client, limit);
      return found && this.#describe(found.czxid, parseHolder(found.data.toString('utf8')), session);
    });
  }

  clear({ nonce }: Holder, signal: AbortSignal): Promise<void> {
    return this.#run(signal, async (client, _session, limit) => {
      const found = await this.#read(client, limit);
      if (found === null || parseHolder(found.data.toString('utf8'))?.nonce !== nonce) return;
      await this.#delete(client, limit);
    });
  }

  async #describe(czxid: number, holder: Holder | null, session: ZooKeeperSession): Promise<FoundHolder> {
    if (this.#seen?.czxid !== czxid) this.#seen = { czxid, sinceMs: uptimeMs() };
    const confirmation = await session.confirm(knownForMs);
    if (confirmation === null) throw session.whyDisconnected;
    const seenMs = uptimeMs() - this.#seen.sinceMs;
    return { holder, waitMs: Math.max(0, confirmation.timeoutMs + ticksMs - seenMs) };
  }

  async #read(client: ZooKeeperClient, limit: AbortSignal): Promise<Znode | null> {
    // The connected server may lag behind.
    valueOf(await abortable(client.sync(this.#path), limit));
    const found = await abortable(client.get(this.#path), limit);
    return !found.ok && found.code === zookeeperCode.noNode ? null : valueOf(found);
  }

  /** Creates the node. Returns false if another one is there already. */
  async #create(client: ZooKeeperClient, me: Holder, limit: AbortSignal): Promise<boolean> {
    await createParents(client, this.#path, limit);
    const data = Buffer.from(JSON.stringify(me), 'utf8');
    const made = await abortable(client.create(this.#path, data, 'ephemeral'), limit);
    if (!made.ok && made.code === zookeeperCode.nodeExists) return false;
    valueOf(made);
    return true;
  }

  async #delete(client: ZooKeeperClient, limit: AbortSignal): Promise<void> {
    const gone = await abortable(client.delete(this.#path), limit);
    if (!gone.ok && gone.code !== zookeeperCode.noNode) throw new ZooKeeperError(gone.code);
  }
}
