import { changeSource, type BinlogPosition, type TestServer } from '../servers/index.js';
import { Front, type Parties } from './front.js';

/** A server, and the address at which agents and replicas reach it. */
export class Host {
  readonly server: TestServer;
  readonly front: Front;
  /** When its logs began anew, by the monotonic clock: it was rebuilt. */
  rebuiltAtMs = -Infinity;

  private constructor(server: TestServer, front: Front) {
    this.server = server;
    this.front = front;
  }

  static async of(server: TestServer, parties: Parties): Promise<Host> {
    return new Host(server, await Front.start(server, parties));
  }

  get name(): string {
    return this.server.name;
  }

  get host(): string {
    return this.server.host;
  }

  get port(): number {
    return this.front.port;
  }

  get user(): string {
    return this.server.user;
  }

  get password(): string {
    return this.server.password;
  }

  /** `host:port`, as agents know it. */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  query<T = unknown>(sql: string): Promise<T[]> {
    return this.server.query<T>(sql);
  }

  async kill(): Promise<void> {
    this.front.close();
    await this.server.kill();
  }

  async terminate(): Promise<void> {
    this.front.close();
    await this.server.stop();
  }

  /** Starts it again. */
  async start(): Promise<void> {
    await this.server.restart();
    await this.front.open();
  }

  /** Has it replicate from another one, from a place on, or from what it lacks. */
  async replicateFrom(source: Host, at?: BinlogPosition): Promise<void> {
    const { server } = source;
    const address = {
      ...{ name: source.name, vendor: server.vendor, version: server.version },
      ...{ host: source.host, port: source.port },
      query: <T>(sql: string, values?: unknown[]): Promise<T[]> => server.query<T>(sql, values),
      connect: server.connect.bind(server),
    };
    await changeSource(this.server, address, at);
  }
}
