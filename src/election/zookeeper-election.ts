import { setMaxListeners } from 'node:events';
import { encodeStreamName } from '../checkpoint/stream-name.js';
import type { Secret } from '../config/secret.js';
import {
  formatServers,
  normalizeZnodePath,
  parseZooKeeperAddress,
  type ZooKeeperAddress,
} from '../config/zookeeper-address.js';
import { abortable } from '../util/abortable.js';
import { isAborted, sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import { within } from '../util/limits.js';
import type { Share } from '../util/shared.js';
import { createParents } from '../zookeeper/parents.js';
import { isOfZooKeeper, valueOf, ZooKeeperRefusal } from '../zookeeper/refusal.js';
import { shareSession } from '../zookeeper/shared-session.js';
import { type ZooKeeperClient, zookeeperCode } from '../zookeeper/zookeeper-client.js';
import type { ZooKeeperSession } from '../zookeeper/zookeeper-session.js';
import { campaign, type ElectionLogger } from './campaign.js';
import type { Election, Elections, Leadership, LeaderView, ServiceId } from './lease.js';
import { OpenLeaderships } from './open-leaderships.js';
import { type Demand, formatDemand, inOrder } from './queue.js';
import { formatServiceId, parseServiceId, sameServiceId } from './service-id.js';
import { whenAnotherLeads } from './succession.js';
import { ZooKeeperBallot } from './zookeeper-ballot.js';

/** Where the queues are, and how leases are timed: milliseconds. */
export type ZooKeeperElectionOptions = {
  /** `host:port,host:port,…`, with an optional `/path` that all paths are below. */
  readonly connect: string;
  /** Path of the znode that all streams are below, for example `/waymark`. */
  readonly root: string;
  /** The account whose alone the znodes are; without one they are open to everybody who reaches ZooKeeper. */
  readonly auth?: { readonly user: string; readonly password: Secret } | undefined;
  /** Of the session. */
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly marginMs: number;
  readonly self: ServiceId;
  readonly logger: ElectionLogger;
};

/** No stream's name begins so. */
const agentsNode = '_agents';
const askMs = 5_000;

/**
 * Elections in ZooKeeper. All streams of the process share one session.
 *
 * Layout: `ROOT/STREAM/election` is a persistent znode; below it each candidate has an ephemeral one, named by chance
 * and numbered by ZooKeeper, with `host/process/run` in it. The one with the lowest number leads, each other one
 * watches the one right before it. The data of `election` say what an operator asked for last: `take NODE` or
 * `leave NODE`. `ROOT/_agents` has an ephemeral znode for each living agent.
 * @throws WaymarkError `config` when `connect` or `root` can't be understood.
 */
export function zookeeperElections(options: ZooKeeperElectionOptions): Elections {
  return new ZooKeeperElections(options);
}

class ZooKeeperElections implements Elections {
  readonly self: ServiceId;
  readonly options: ZooKeeperElectionOptions;
  readonly open = new OpenLeaderships();
  readonly root: string;
  readonly #address: ZooKeeperAddress;
  readonly #shared: Share<ZooKeeperSession>;
  readonly #elections = new Map<string, Election>();
  readonly #closing = new AbortController();
  #presence: Promise<void> | null = null;

  constructor(options: ZooKeeperElectionOptions) {
    this.self = options.self;
    this.options = options;
    this.#address = parseZooKeeperAddress(options.connect);
    const root = normalizeZnodePath(options.root);
    this.root = root === '/' ? '' : root;
    const { auth = null, timeoutMs: sessionTimeoutMs, logger } = options;
    // A listener for each of a thousand streams is no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#shared = shareSession({ address: this.#address, auth, sessionTimeoutMs, logger });
  }

  get session(): ZooKeeperSession {
    return this.#shared.value;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  of(stream: string): Election {
    const election = this.#elections.get(stream) ?? new ZooKeeperElection(this, stream);
    this.#elections.set(stream, election);
    return election;
  }

  agents(signal: AbortSignal): Promise<readonly ServiceId[]> {
    return this.ask(signal, async (client, limit) => {
      const path = `${this.root}/${agentsNode}`;
      const found = await readNodes(client, path, await childrenOf(client, path, limit), limit);
      return found
        .map(({ id }) => id)
        .sort((one, other) => (formatServiceId(one) < formatServiceId(other) ? -1 : 1));
    });
  }

  async join(signal: AbortSignal): Promise<void> {
    const number = await this.#appear(signal);
    this.#presence ??= this.#stay(number, this.#closing.signal);
  }

  async close(): Promise<void> {
    await this.open.close();
    if (this.#presence !== null) await this.#disappear();
    this.#closing.abort(new WaymarkError('not-leader', 'The election was closed'));
    await this.#presence;
    await this.#shared.release();
  }

  /**
   * Asks ZooKeeper something, through all that is committed so far.
   * @throws WaymarkError `election-store`, `no-zookeeper-client`.
   */
  async ask<T>(
    signal: AbortSignal,
    action: (client: ZooKeeperClient, limit: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await within(askMs, [signal, this.#closing.signal], async (limit) => {
        await this.session.connected(limit);
        const { client, absence } = this.session;
        if (client === null) throw absence;
        valueOf(await abortable(client.sync('/'), limit));
        return action(client, limit);
      });
    } catch (error) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (hasCode(error, 'no-zookeeper-client')) throw error;
      if (!isOfZooKeeper(error)) throw error;
      const servers = formatServers(this.#address);
      throw new WaymarkError(
        'election-store',
        `The election in ZooKeeper (${servers}, ${this.root}) can't be used: ${messageOf(error)}. ` +
          'Check that ZooKeeper runs, has a leader, and can be reached from here.',
        { cause: error, details: { servers, path: this.root } },
      );
    }
  }

  /** Shows us among the agents; gives the number of the session that this holds for. */
  #appear(signal: AbortSignal): Promise<number> {
    return this.ask(signal, async (client, limit) => {
      const { number } = this.session;
      const path = `${this.root}/${agentsNode}/${this.self.run}`;
      await createParents(client, path, limit);
      const data = Buffer.from(formatServiceId(this.self), 'utf8');
      const made = await abortable(client.create(path, data, 'ephemeral'), limit);
      if (!made.ok && made.code !== zookeeperCode.nodeExists) throw new ZooKeeperRefusal(made.code);
      return number;
    });
  }

  /** The session, which the node would go with, may be others' as well. */
  async #disappear(): Promise<void> {
    const path = `${this.root}/${agentsNode}/${this.self.run}`;
    await this.session.client?.delete(path);
  }

  async #stay(since: number, signal: AbortSignal): Promise<void> {
    let number = since;
    while (!signal.aborted) {
      try {
        await sleep(this.options.intervalMs, signal);
        if (this.session.number !== number) number = await this.#appear(signal);
      } catch (error) {
        // That ZooKeeper is away is said by the campaigns.
        if (isAborted(signal) || hasCode(error, 'election-store')) continue;
        this.options.logger.warn(
          { event: 'election.failed', err: error },
          `An election has met something that nobody foresaw; please report it: ${messageOf(error)}`,
        );
      }
    }
  }
}

/** A candidate's node. */
type Candidate = { readonly node: string; readonly id: ServiceId; readonly czxid: number };

class ZooKeeperElection implements Election {
  readonly #elections: ZooKeeperElections;
  readonly #stream: string;
  readonly #path: string;

  constructor(elections: ZooKeeperElections, stream: string) {
    this.#elections = elections;
    this.#stream = stream;
    this.#path = `${elections.root}/${encodeStreamName(stream)}/election`;
  }

  campaign(signal: AbortSignal): Promise<Leadership> {
    const { session, closing, self, open } = this.#elections;
    const { marginMs, timeoutMs, intervalMs, logger } = this.#elections.options;
    const stand = (): ZooKeeperBallot =>
      new ZooKeeperBallot({
        ...{ session, closing, timeoutMs, intervalMs, path: this.#path, id: formatServiceId(self) },
      });
    // Two attempts that hang must not be the end of a lease.
    const attemptMs = Math.ceil((timeoutMs - marginMs) / 3);
    const options = { backend: 'zookeeper', stream: this.#stream, marginMs, attemptMs, logger } as const;
    return open.campaign(signal, (either) => campaign({ ...options, stand }, either));
  }

  async show(signal: AbortSignal): Promise<LeaderView> {
    return this.#view(await this.#queue(signal));
  }

  async take(host: string, signal: AbortSignal): Promise<LeaderView> {
    const queue = await this.#queue(signal);
    const next = queue.find(({ id }) => id.host === host);
    if (next === undefined) {
      throw new WaymarkError(
        'not-leader',
        `No agent on ${host} stands by for the stream "${this.#stream}": start one there (waymark leader show tells who ` +
          'waits)',
        { details: { stream: this.#stream, host } },
      );
    }
    const view = this.#view(queue);
    if (next === queue[0]) return view;
    await this.#demand({ kind: 'take', node: next.node }, signal);
    return this.#succession(view, host, 'the one that was asked for did not come', signal);
  }

  async stepDown(host: string | null, signal: AbortSignal): Promise<LeaderView> {
    const queue = await this.#queue(signal);
    const leader = queue[0];
    if (leader === undefined || (host !== null && leader.id.host !== host)) {
      const who = leader === undefined ? 'nobody leads it' : `${formatServiceId(leader.id)} leads it`;
      throw new WaymarkError('not-leader', `There is nobody to give up the stream "${this.#stream}": ${who}`);
    }
    await this.#demand({ kind: 'leave', node: leader.node }, signal);
    return this.#succession(this.#view(queue), null, 'nobody took over', signal);
  }

  #queue(signal: AbortSignal): Promise<readonly Candidate[]> {
    return this.#elections.ask(signal, async (client, limit) => {
      const names = inOrder(await childrenOf(client, this.#path, limit));
      return readNodes(client, this.#path, names, limit);
    });
  }

  #view([leader, ...waiting]: readonly Candidate[]): LeaderView {
    return {
      stream: this.#stream,
      backend: 'zookeeper',
      leader: leader?.id ?? null,
      token: leader?.czxid ?? 0,
      mine: leader !== undefined && sameServiceId(leader.id, this.#elections.self),
      waiting: waiting.map(({ id }) => id),
      lastSeenMsAgo: null,
    };
  }

  #demand(demand: Demand, signal: AbortSignal): Promise<void> {
    return this.#elections.ask(signal, async (client, limit) => {
      const data = Buffer.from(formatDemand(demand), 'utf8');
      // Whatever was asked for before, this is what counts.
      valueOf(await abortable(client.set(this.#path, data, anyVersion), limit));
    });
  }

  #succession(
    before: LeaderView,
    host: string | null,
    complaint: string,
    signal: AbortSignal,
  ): Promise<LeaderView> {
    const withinMs = 2 * this.#elections.options.timeoutMs;
    return whenAnotherLeads({ before, host, withinMs, complaint, show: (limit) => this.show(limit) }, signal);
  }
}

const anyVersion = -1;

/** The names of the nodes below; none where the node isn't there. */
async function childrenOf(
  client: ZooKeeperClient,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await abortable(client.children(path), signal);
  return !found.ok && found.code === zookeeperCode.noNode ? [] : valueOf(found);
}

/** Nodes with an agent's name in them, in the given order; those that are gone by now are left out. */
async function readNodes(
  client: ZooKeeperClient,
  path: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const found = await Promise.all(
    names.map(async (node) => {
      const reply = await abortable(client.get(`${path}/${node}`), signal);
      if (!reply.ok && reply.code === zookeeperCode.noNode) return null;
      const { data, czxid } = valueOf(reply);
      const id = parseServiceId(data.toString('utf8'));
      return id === null ? null : { node, id, czxid };
    }),
  );
  return found.filter((candidate) => candidate !== null);
}
