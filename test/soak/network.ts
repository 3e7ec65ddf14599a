import type { TestServer } from '../servers/index.js';
import { Proxy } from '../support/proxy.js';
import { Host } from './host.js';
import type { Link, Links } from './stage.js';
import type { SupervisedAgent } from './supervised-agent.js';

const preload = new URL('machine.mjs', import.meta.url).href;

/** The ways between agents, servers and ZooKeeper: each can be cut by itself. */
export class Network implements Links {
  readonly #hosts: Host[] = [];
  /** By the names of agents. */
  readonly #toZooKeeper = new Map<string, Proxy>();
  readonly #byAddress = new Map<string, string>();
  readonly #byServerId: ReadonlyMap<number, string>;

  constructor(servers: readonly TestServer[]) {
    this.#byServerId = new Map(servers.map(({ serverId, name }) => [serverId, name]));
  }

  /** A server with an address at which it is reached. */
  async host(server: TestServer): Promise<Host> {
    const host = await Host.of(server, { byAddress: this.#byAddress, byServerId: this.#byServerId });
    this.#hosts.push(host);
    return host;
  }

  /** A machine for an agent: what is in its environment, and the address at which it reaches ZooKeeper. */
  async addAgent(
    name: string,
    connectString: string,
  ): Promise<{ readonly address: string; readonly machine: Readonly<Record<string, string>> }> {
    const own = `127.0.0.${11 + this.#byAddress.size}`;
    this.#byAddress.set(own, name);
    const [host = '', port = ''] = connectString.split(':');
    const proxy = await Proxy.start({ host, port: Number(port) });
    this.#toZooKeeper.set(name, proxy);
    return {
      address: proxy.address,
      machine: { NODE_OPTIONS: `--import ${preload}`, SOAK_ADDRESS: own },
    };
  }

  between({ name }: SupervisedAgent, { front, name: server }: Host): Link {
    return {
      name: `the way between agent ${name} and ${server}`,
      cut: () => {
        front.cut(name);
      },
      mend: () => {
        front.mend(name);
      },
    };
  }

  aboveReplica({ name }: Host): Link {
    return {
      name: `the way between ${name} and its source`,
      cut: () => {
        for (const { front } of this.#hosts) front.cut(name);
      },
      mend: () => {
        for (const { front } of this.#hosts) front.mend(name);
      },
    };
  }

  toZooKeeper({ name }: SupervisedAgent): Link {
    const proxy = this.#toZooKeeper.get(name);
    return {
      name: `the way between agent ${name} and ZooKeeper`,
      cut: () => proxy?.hold(),
      mend: () => proxy?.release(),
    };
  }

  /** Ends everything. */
  async end(): Promise<void> {
    for (const { front } of this.#hosts) front.discard();
    await Promise.all([...this.#toZooKeeper.values()].map((proxy) => proxy.stop()));
  }
}
