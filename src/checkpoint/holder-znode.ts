import { abortable } from '../util/abortable.js';
import { uptimeMs } from '../util/clock.js';
import { type Holder, parseHolder } from '../util/lock-holder.js';
import { createParents } from '../zookeeper/parents.js';
import { valueOf, ZooKeeperError } from '../zookeeper/zookeeper-error.js';
import { type Znode, type ZooKeeperClient, zookeeperCode } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperSession } from '../zookeeper/zookeeper-session.js';
import type { FoundHolder, HolderNote } from './holder-note.js';

/** Does something in ZooKeeper, within a time limit. */
type Run = <T>(
  signal: AbortSignal,
  action: (client: ZooKeeperClient, session: ZooKeeperSession, limit: AbortSignal) => Promise<T>,
) => Promise<T>;

/** Servers end sessions at whole ticks, of 2 s unless set otherwise (ZooKeeper Administrator's Guide, tickTime). */
const ticksMs = 4_000;
/** How old an answer may be that says how long our session lasts. */
const knownForMs = 5_000;
/** Rounds of a claim: a node came or went in between. */
const maxRounds = 3;

/**
 * The note as an ephemeral znode: it goes with its maker's session. Who finds another's there and can't look at its
 * process waits for as long as a session of his own lasts; what is still there then belongs to one that lives.
 */
export class HolderZnode implements HolderNote {
  readonly #path: string;
  readonly #run: Run;
  /** The session that we made the node in. */
  #madeIn: number | null = null;
  /** Another's node: which one, and since when we see it. */
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
        // Of a session of ours that is over: it would go with that one.
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
    // The server that we talk to may lag behind.
    valueOf(await abortable(client.sync(this.#path), limit));
    const found = await abortable(client.get(this.#path), limit);
    return !found.ok && found.code === zookeeperCode.noNode ? null : valueOf(found);
  }

  /** False: another one is there by now. */
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
