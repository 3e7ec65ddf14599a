import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where a proxy leads to. */
type Target = { readonly host: string; readonly port: number };

/** What becomes of what a server sends; made anew for each connection. */
export type Changer = () => (chunk: Buffer) => Buffer;

/** One address, and whichever server is behind it today: a host that is rebuilt, or a name that moves on. */
export class Proxy {
  #target: Target;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #changer: Changer | null;
  #blocked = false;
  #holds = false;

  private constructor(target: Target, changer: Changer | null) {
    this.#target = target;
    this.#changer = changer;
    this.#server = createServer((client) => {
      if (this.#blocked) client.destroy();
      else this.#join(client, connect({ host: this.#target.host, port: this.#target.port }));
    });
  }

  /** @param at where it listens: any port of this machine unless given. */
  static async start(
    target: Target,
    changer: Changer | null = null,
    at: Target = { host: '127.0.0.1', port: 0 },
  ): Promise<Proxy> {
    const proxy = new Proxy(target, changer);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(at.port, at.host, resolve);
    });
    return proxy;
  }

  /** `host:port` */
  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no address');
    return `${address.address}:${address.port}`;
  }

  /** From now on another server is there; whoever is connected is cut off. */
  move(target: Target): void {
    this.#target = target;
    this.#cut();
  }

  /** Nobody gets through any more; whoever is connected is cut off. */
  block(): void {
    this.#blocked = true;
    this.#cut();
  }

  unblock(): void {
    this.#blocked = false;
  }

  /** Nothing gets through any more and nobody is told, as when a cable is cut. */
  hold(): void {
    this.#holds = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Everything gets through again, what was held back included. */
  release(): void {
    this.#holds = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    this.#cut();
    await closed;
  }

  #join(client: Socket, server: Socket): void {
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      const change = socket === server ? this.#changer?.() : undefined;
      socket.on('data', (chunk: Buffer) => {
        // Pipes resume by themselves; here nothing may get through while it is held.
        if (!other.write(change?.(chunk) ?? chunk)) socket.pause();
      });
      other.on('drain', () => {
        if (!this.#holds) socket.resume();
      });
      if (this.#holds) socket.pause();
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
