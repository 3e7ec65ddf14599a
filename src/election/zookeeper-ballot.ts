import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { sleep, withDeadline } from '../util/async.js';
import { uptimeMs } from '../util/clock.js';
import { randomHex } from '../util/random.js';
import { createParents } from '../zookeeper/parents.js';
import { valueOf, ZooKeeperError } from '../zookeeper/zookeeper-error.js';
import { type ZooKeeperClient, zookeeperCode } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperSession } from '../zookeeper/zookeeper-session.js';
import type { Ballot } from './campaign.js';
import type { LeaseAnswer, Standing } from './lease-state.js';
import { mustLeave, parseDemand, rankOf } from './participant-queue.js';

/** What a participant needs in ZooKeeper. */
export type ZooKeeperBallotOptions = {
  readonly session: ZooKeeperSession;
  /** The node that has the participants' nodes below it. */
  readonly path: string;
  /** The participant: the data of its node. */
  readonly id: string;
  /**
   * For how many milliseconds nobody else may lead after ZooKeeper last heard from this agent. The servers may allow
   * less.
   */
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** Fires when the session is about to end, and its nodes with it. */
  readonly closing: AbortSignal;
};

/** A watch tells a waiting participant when it is first. This look finds what a watch has missed. */
const waitingLookMs = 30_000;
const retryMs = 500;
/** How long `withdraw` waits. The node's removal goes on after that. */
const withdrawMs = 2_000;

const notMine: Standing = { mine: false };

/**
 * A participant in ZooKeeper: an ephemeral node with a number. It waits for the node before it to go. Its token is the
 * id of the transaction that created the node (czxid). ZooKeeper counts these up as long as its data exist, across all
 * servers and sessions (ZooKeeper Programmer's Guide, "Time in ZooKeeper"). So a node that is first in the queue has a
 * larger token than all nodes that were first before.
 */
export class ZooKeeperBallot implements Ballot {
  readonly #options: ZooKeeperBallotOptions;
  /**
   * The beginning of the names of all nodes that this participant may have created: the answer to a `create` can get
   * lost.
   */
  readonly #prefix = `${randomHex(8)}-`;
  #node: string | null = null;
  /** The number of the session that the node belongs to. */
  #sessionNumber = 0;
  /** Set while this participant is first, and a watch tells it of changes to that or to the operator's demand. */
  #watched: { readonly client: ZooKeeperClient; readonly asked: boolean } | null = null;
  /** The node before this one. A watch tells when it goes. */
  #awaited: { readonly client: ZooKeeperClient; readonly node: string } | null = null;
  #wake: (() => void) | null = null;
  #woken = false;

  constructor(options: ZooKeeperBallotOptions) {
    this.#options = options;
  }

  async attempt(held: number, signal: AbortSignal): Promise<LeaseAnswer> {
    this.#woken = false;
    const { session } = this.#options;
    if (session.number !== this.#sessionNumber) {
      this.#node = null;
      this.#sessionNumber = session.number;
    }
    const client = session.client;
    if (client === null) throw session.whyDisconnected;
    if (held !== 0 && this.#watches(client) !== null) {
      // All streams of the process share this request.
      const confirmation = await abortable(session.confirm(this.#options.intervalMs), signal);
      if (confirmation === null) throw session.whyDisconnected;
      const asked = this.#watches(client);
      // A watch fired meanwhile: look again.
      if (asked !== null) {
        const standing = { mine: true, token: held, asked } as const;
        return this.#answer(confirmation.sentAt, confirmation.timeoutMs, standing);
      }
    }
    const sentAt = uptimeMs();
    // Only what is read after this is sure to be current.
    const confirmation = await abortable(session.confirm(), signal);
    if (confirmation === null) throw session.whyDisconnected;
    const standing = await this.#look(client, held, signal);
    return this.#answer(Math.min(sentAt, confirmation.sentAt), confirmation.timeoutMs, standing);
  }

  async due(held: number, signal: AbortSignal): Promise<void> {
    if (this.#woken) return;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const pause = new AbortController();
    const stop = (): void => {
      pause.abort(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      // Spread the looks of many participants over time.
      const ms =
        held === 0 ? waitingLookMs * (0.5 + runtime().random.fraction() / 2) : this.#options.intervalMs;
      await Promise.race([woken, sleep(ms, pause.signal)]);
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', stop);
      pause.abort(new Error('woken'));
      this.#wake = null;
    }
  }

  async withdraw(): Promise<void> {
    await withDeadline(this.#removeForSure(), withdrawMs, () => new Error('later')).catch(() => undefined);
  }

  /** Whether another leader was asked for, if a watch would tell. Null if it must be read. */
  #watches(client: ZooKeeperClient): boolean | null {
    return this.#watched?.client === client ? this.#watched.asked : null;
  }

  #answer(sentAt: number, sessionTimeoutMs: number, standing: Standing): LeaseAnswer {
    return { sentAt, timeoutMs: Math.min(this.#options.timeoutMs, sessionTimeoutMs), standing };
  }

  async #look(client: ZooKeeperClient, held: number, signal: AbortSignal): Promise<Standing> {
    if (this.#node === null) {
      if (held !== 0) return notMine;
      this.#node = await this.#enter(client, signal);
    }
    const node = this.#node;
    const { path } = this.#options;
    const names = valueOf(await abortable(client.children(path), signal));
    const rank = rankOf(names, node);
    switch (rank.at) {
      case 'missing':
        this.#node = null;
        this.#tell();
        return notMine;
      case 'behind':
        if (this.#awaited?.client !== client || this.#awaited.node !== rank.before) {
          const before = `${path}/${rank.before}`;
          const found = await abortable(
            client.exists(before, () => {
              this.#awaited = null;
              this.#tell();
            }),
            signal,
          );
          if (found.ok) this.#awaited = { client, node: rank.before };
          else this.#tell();
        }
        return notMine;
      case 'first':
        return this.#lookAsFirst(client, { node, names }, signal);
    }
  }

  async #lookAsFirst(
    client: ZooKeeperClient,
    { node, names }: { node: string; names: readonly string[] },
    signal: AbortSignal,
  ): Promise<Standing> {
    const { path } = this.#options;
    const news = { come: false };
    const changed = (): void => {
      news.come = true;
      this.#watched = null;
      this.#tell();
    };
    const own = await abortable(client.exists(`${path}/${node}`, changed), signal);
    if (!own.ok && own.code === zookeeperCode.noNode) {
      this.#node = null;
      return notMine;
    }
    const token = valueOf(own).czxid;
    const above = valueOf(await abortable(client.get(path, changed), signal));
    const asked = mustLeave(parseDemand(above.data.toString('utf8')), node, names);
    if (!news.come) this.#watched = { client, asked };
    return { mine: true, token, asked };
  }

  /** Creates the node, or finds it if it was created and the answer got lost. */
  async #enter(client: ZooKeeperClient, signal: AbortSignal): Promise<string> {
    const { path, id } = this.#options;
    const found = await abortable(client.children(path), signal);
    if (found.ok) {
      const ours = found.value.find((name) => name.startsWith(this.#prefix));
      if (ours !== undefined) return ours;
    } else if (found.code === zookeeperCode.noNode) {
      await createParents(client, `${path}/node`, signal);
    }
    const data = Buffer.from(id, 'utf8');
    return valueOf(
      await abortable(client.create(`${path}/${this.#prefix}`, data, 'ephemeral-sequential'), signal),
    );
  }

  /** Tries until the node is gone. It would block all others while the session lives. */
  async #removeForSure(): Promise<void> {
    const { closing, session } = this.#options;
    while (!closing.aborted && this.#sessionNumber === session.number) {
      try {
        await this.#remove(closing);
        return;
      } catch {
        await sleep(retryMs, closing).catch(() => undefined);
      }
    }
  }

  async #remove(signal: AbortSignal): Promise<void> {
    const { path, session } = this.#options;
    const client = session.client;
    if (client === null) throw session.whyDisconnected;
    const found = await abortable(client.children(path), signal);
    if (!found.ok && found.code === zookeeperCode.noNode) return;
    for (const name of valueOf(found).filter((other) => other.startsWith(this.#prefix))) {
      const gone = await abortable(client.delete(`${path}/${name}`), signal);
      if (!gone.ok && gone.code !== zookeeperCode.noNode) throw new ZooKeeperError(gone.code);
    }
  }

  #tell(): void {
    this.#woken = true;
    this.#wake?.();
  }
}
