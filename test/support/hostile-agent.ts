import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../servers/index.js';
import { AgentProcess } from './agent-process.js';

/** What an agent may take, whoever answers it. */
export const hostileMemoryBytes = 256 * 1024 * 1024;
/** How late a healthy stream may be, whatever another server does. */
export const latestMs = 300;

/** An agent that delivers to us, with a server that is well and perhaps others that aren't. */
export class WatchedAgent {
  readonly process: AgentProcess;
  readonly #server: TestServer;
  readonly #arrived: Map<number, number>;
  #next = 1;

  private constructor(process: AgentProcess, server: TestServer, arrived: Map<number, number>) {
    this.process = process;
    this.#server = server;
    this.#arrived = arrived;
  }

  /** The server needs the table `shop.beats (id INT PRIMARY KEY)`. Resolves when the stream is read. */
  static async start(
    server: TestServer,
    others: readonly string[],
    folder: string,
    config: Record<string, unknown> = {},
  ): Promise<WatchedAgent> {
    const arrived = new Map<number, number>();
    const process = await AgentProcess.start({
      folder,
      config: {
        ...{ stream: 'hostile', user: server.user, password: server.password, getServerPublicKey: true },
        servers: [{ address: server.address, priority: 9 }, ...others],
        filter: { include: ['shop.*'] },
        checkpoint: { store: 'file', path: `${folder}/state` },
        ...config,
      },
      readStdout: (stdout: Readable) => {
        createInterface(stdout).on('line', (line) => {
          const record = JSON.parse(line) as { after?: { id?: number } };
          if (record.after?.id !== undefined) arrived.set(record.after.id, performance.now());
        });
      },
    });
    await process.waitForEvent('stream.started');
    return new WatchedAgent(process, server, arrived);
  }

  /**
   * How late what was committed over some time came: milliseconds, of 95 of 100. One that is later may be the machine's
   * doing; whoever holds up the stream holds up many.
   */
  async lateness(forMs: number): Promise<number> {
    const committed = new Map<number, number>();
    const until = performance.now() + forMs;
    while (performance.now() < until) {
      const id = this.#next;
      this.#next += 1;
      await this.#server.query(`INSERT INTO shop.beats VALUES (${id})`);
      committed.set(id, performance.now());
      // The beat of the measurement, not a wait for anything.
      await pause(20);
    }
    const deadline = performance.now() + 20_000;
    while (!this.#arrived.has(this.#next - 1)) {
      if (performance.now() > deadline) throw new Error(`gave up waiting: delivery\n${this.process.log()}`);
      await pause(20);
    }
    const late = [...committed].map(([id, at]) => (this.#arrived.get(id) ?? Infinity) - at);
    return late.toSorted((a, b) => a - b)[Math.floor(late.length * 0.95)] ?? Infinity;
  }
}
