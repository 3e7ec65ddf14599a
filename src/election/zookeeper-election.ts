import { setMaxListeners } from 'node:events';
import { encodeStreamName } from '../checkpoint/stream-name.js';
import type { Secret } from '../config/secret.js';
import {
  normalizeZnodePath,
  parseZooKeeperAddress,
  type ZooKeeperAddress,
} from '../config/zookeeper-address.js';
import { abortable } from '../util/abortable.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import type { SharedHandle } from '../util/shared.js';
import { createParents } from '../zookeeper/parents.js';
import { isOfZooKeeper, unusableStoreError, valueOf, ZooKeeperError } from '../zookeeper/zookeeper-error.js';
import { shareSession } from '../zookeeper/shared-session.js';
import { type ZooKeeperClient, zookeeperCode } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperSession } from '../zookeeper/zookeeper-session.js';
import { BackedElections } from './backed-elections.js';
import type { Backend, BackendOptions, StreamBackend } from './backend.js';
import type { Ballot } from './campaign.js';
import type { Elections, LeaderView, AgentId } from './election.js';
import { closedError } from './open-leaderships.js';
import { type Demand, formatDemand, inOrder } from './participant-queue.js';
import { formatAgentId, parseAgentId, sameAgentId } from './agent-id.js';
import { ZooKeeperBallot } from './zookeeper-ballot.js';

/** Where the queues are, and the times of leases. The session has the same timeout. */
export type ZooKeeperElectionOptions = BackendOptions & {
  /** `host:port,host:port,…`, optionally with a `/path` that all paths are below. */
  readonly connect: string;
  /** The path of the znode that all streams are below, for example `/waymark`. */
  readonly root: string;
  /** The account that alone may use the znodes. Without one, everybody who reaches ZooKeeper may use them. */
  readonly auth?: { readonly user: string; readonly password: Secret } | undefined;
};

/** No stream's name begins like this. */
const agentsNode = '_agents';
const askMs = 5_000;

/**
 * Creates elections in ZooKeeper. All streams of the process share one session.
 *
 * Layout: `ROOT/STREAM/election` is a persistent znode. Below it each participant has an ephemeral znode. Its name is
 * random, ZooKeeper numbers it, and its data are `host/process/run`. The participant with the lowest number leads. Each
 * other one watches the one right before it. The data of `election` are the operator's last demand: `take NODE` or
 * `leave NODE`. `ROOT/_agents` has an ephemeral znode for each living agent.
 * @throws WaymarkError `config` if `connect` or `root` can't be parsed.
 */
export function zookeeperElections(options: ZooKeeperElectionOptions): Elections {
  return new BackedElections(new ZooKeeperBackend(options), options);
}

/** A participant's node. */
type QueuedParticipant = { readonly node: string; readonly id: AgentId; readonly czxid: number };

type Queue = readonly QueuedParticipant[];

class ZooKeeperBackend implements Backend<Queue> {
  readonly name = 'zookeeper';
  readonly options: ZooKeeperElectionOptions;
  readonly root: string;
  readonly #address: ZooKeeperAddress;
  readonly #shared: SharedHandle<ZooKeeperSession>;
  readonly #closing = new AbortController();
  /** The number of the session that has this agent's node below `_agents`. */
  #shownIn: number | null = null;

  constructor(options: ZooKeeperElectionOptions) {
    this.options = options;
    this.#address = parseZooKeeperAddress(options.connect);
    const root = normalizeZnodePath(options.root);
    this.root = root === '/' ? '' : root;
    const { auth = null, timeoutMs: sessionTimeoutMs, logger } = options;
    // Many streams may listen. Their listeners are no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#shared = shareSession({ address: this.#address, auth, sessionTimeoutMs, logger });
  }

  get session(): ZooKeeperSession {
    return this.#shared.value;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  of(stream: string): StreamBackend<Queue> {
    return new ZooKeeperStream(this, stream);
  }

  agents(signal: AbortSignal): Promise<readonly AgentId[]> {
    return this.ask(signal, async (client, limit) => {
      const path = `${this.root}/${agentsNode}`;
      const found = await readNodes(client, path, await childrenOf(client, path, limit), limit);
      return found
        .map(({ id }) => id)
        .sort((one, other) => (formatAgentId(one) < formatAgentId(other) ? -1 : 1));
    });
  }

  appear(signal: AbortSignal): Promise<void> {
    return this.ask(signal, async (client, limit) => {
      const { number } = this.session;
      await createParents(client, this.#ownPath, limit);
      const data = Buffer.from(formatAgentId(this.options.self), 'utf8');
      const made = await abortable(client.create(this.#ownPath, data, 'ephemeral'), limit);
      if (!made.ok && made.code !== zookeeperCode.nodeExists) throw new ZooKeeperError(made.code);
      this.#shownIn = number;
    });
  }

  /** The node has gone if its session has. */
  async stay(signal: AbortSignal): Promise<void> {
    if (this.session.number !== this.#shownIn) await this.appear(signal);
  }

  /** The node doesn't always go with the session: others may share the session and keep it open. */
  async disappear(): Promise<void> {
    await this.session.client?.delete(this.#ownPath);
  }

  get #ownPath(): string {
    return `${this.root}/${agentsNode}/${this.options.self.run}`;
  }

  async close(): Promise<void> {
    this.#closing.abort(closedError());
    await this.#shared.release();
  }

  /**
   * Asks ZooKeeper something. The answer includes everything that was committed before.
   * @throws WaymarkError `election-store`.
   */
  async ask<T>(
    signal: AbortSignal,
    action: (client: ZooKeeperClient, limit: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await within(askMs, [signal, this.#closing.signal], async (limit) => {
        await this.session.connected(limit);
        const { client, whyDisconnected } = this.session;
        if (client === null) throw whyDisconnected;
        valueOf(await abortable(client.sync('/'), limit));
        return action(client, limit);
      });
    } catch (error) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (!isOfZooKeeper(error)) throw error;
      const place = { address: this.#address, path: this.root };
      throw unusableStoreError('election-store', 'The election', place, messageOf(error), error);
    }
  }
}

class ZooKeeperStream implements StreamBackend<Queue> {
  readonly #backend: ZooKeeperBackend;
  readonly #stream: string;
  readonly #path: string;

  constructor(backend: ZooKeeperBackend, stream: string) {
    this.#backend = backend;
    this.#stream = stream;
    this.#path = `${backend.root}/${encodeStreamName(stream)}/election`;
  }

  /** A participant that comes again is the last in the queue. */
  restMs(): number {
    return 0;
  }

  stand(): Ballot {
    const { session, closing, options } = this.#backend;
    const { timeoutMs, intervalMs, self } = options;
    const id = formatAgentId(self);
    return new ZooKeeperBallot({ session, closing, timeoutMs, intervalMs, path: this.#path, id });
  }

  look(signal: AbortSignal): Promise<Queue> {
    return this.#backend.ask(signal, async (client, limit) => {
      const names = inOrder(await childrenOf(client, this.#path, limit));
      return readNodes(client, this.#path, names, limit);
    });
  }

  view([leader, ...waiting]: Queue): LeaderView {
    return {
      stream: this.#stream,
      backend: 'zookeeper',
      leader: leader?.id ?? null,
      token: leader?.czxid ?? 0,
      mine: leader !== undefined && sameAgentId(leader.id, this.#backend.options.self),
      waiting: waiting.map(({ id }) => id),
      lastSeenMsAgo: null,
    };
  }

  async demand(host: string | null, queue: Queue, signal: AbortSignal): Promise<void> {
    const demand = this.#demandOf(host, queue);
    await this.#backend.ask(signal, async (client, limit) => {
      const data = Buffer.from(formatDemand(demand), 'utf8');
      // This demand replaces any earlier one.
      valueOf(await abortable(client.set(this.#path, data, anyVersion), limit));
    });
  }

  #demandOf(host: string | null, queue: Queue): Demand {
    const meant = host === null ? queue[0] : queue.find(({ id }) => id.host === host);
    if (meant !== undefined) return { kind: host === null ? 'leave' : 'take', node: meant.node };
    throw new WaymarkError(
      'not-leader',
      `No agent on ${host ?? 'any host'} stands by for the stream "${this.#stream}": start one there (waymark leader show ` +
        'lists the agents that wait)',
      { details: { stream: this.#stream, host } },
    );
  }

  absenceOn(): string {
    return 'the agent that was asked for did not take over';
  }
}

const anyVersion = -1;

/** Returns the names of the nodes below a path. Empty if the path doesn't exist. */
async function childrenOf(
  client: ZooKeeperClient,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await abortable(client.children(path), signal);
  return !found.ok && found.code === zookeeperCode.noNode ? [] : valueOf(found);
}

/** Reads nodes that have an agent's id as data, in the given order. Leaves out nodes that have gone meanwhile. */
async function readNodes(
  client: ZooKeeperClient,
  path: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Queue> {
  const found = await Promise.all(
    names.map(async (node) => {
      const reply = await abortable(client.get(`${path}/${node}`), signal);
      if (!reply.ok && reply.code === zookeeperCode.noNode) return null;
      const { data, czxid } = valueOf(reply);
      const id = parseAgentId(data.toString('utf8'));
      return id === null ? null : { node, id, czxid };
    }),
  );
  return found.filter((candidate) => candidate !== null);
}
