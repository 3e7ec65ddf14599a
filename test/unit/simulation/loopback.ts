import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Scheduler } from '../../simulation/server/scheduler.js';
import { SimulatedServer, type ServerOptions } from '../../simulation/server/server.js';
import { serve } from '../../simulation/server/session.js';
import { Secret } from '../../../src/config/secret.js';
import type { Instance } from '../../../src/mysql/instance.js';

/** Real time. */
const scheduler: Scheduler = {
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};

/** A server of the model on a port of this machine, in real time. */
export class LoopbackServer {
  readonly model: SimulatedServer;
  readonly #peers: readonly LoopbackServer[];
  #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(model: SimulatedServer, listener: Server, peers: readonly LoopbackServer[]) {
    this.model = model;
    this.#listener = listener;
    this.#peers = peers;
    this.#serveFrom(listener);
  }

  /** @param peers the servers that it may be told to replicate from. */
  static async start(
    options: Omit<ServerOptions, 'host' | 'port' | 'nowMs'>,
    peers: readonly LoopbackServer[] = [],
  ): Promise<LoopbackServer> {
    const listener = createServer();
    const port = await listen(listener, 0);
    const nowMs = (): number => Date.now();
    return new LoopbackServer(
      new SimulatedServer({ ...options, host: '127.0.0.1', port, nowMs }),
      listener,
      peers,
    );
  }

  get instance(): Instance {
    const { host, port } = this.model;
    return { address: { host, port }, account: { user: 'waymark', password: new Secret('any') } };
  }

  get address(): string {
    return `${this.model.host}:${this.model.port}`;
  }

  /** Ends it in an instant; nobody listens at its port any more. */
  async kill(): Promise<void> {
    if (this.model.isUp) this.model.kill();
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#listener.listening) return;
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    await closed;
  }

  /** Runs again at its port. */
  async restart(): Promise<void> {
    this.model.start();
    this.#listener = createServer();
    this.#serveFrom(this.#listener);
    await listen(this.#listener, this.model.port);
  }

  #serveFrom(listener: Server): void {
    listener.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      serve(this.model, socket, {
        scheduler,
        client: `127.0.0.1:${socket.remotePort ?? 0}`,
        find: (host, port) =>
          this.#peers.find(({ model }) => model.host === host && model.port === port)?.model ?? null,
      });
    });
  }
}

async function listen(listener: Server, port: number): Promise<number> {
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}
