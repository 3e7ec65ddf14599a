import type { SimulatedServer } from './server/server.js';
import { serve } from './server/session.js';
import type { Machine } from './world/machine.js';
import type { SimulatedProcess } from './world/process.js';
import type { Appointment } from './world/world.js';

/** Where every database server listens, on a machine of its own. */
export const databasePort = 3306;

/** How often a replica fetches, and how often it applies: milliseconds, on average. */
const pace = { fetchMs: 30, applyMs: 12 } as const;

/** How many transactions an applier looks at that may commit in another order. */
const window = 4;

/** A database server of the model as a process on a machine, and its replication in virtual time. */
export class Database {
  readonly model: SimulatedServer;
  readonly machine: Machine;
  readonly #find: (address: string) => Database | null;
  #process: SimulatedProcess | null = null;

  /** @param find the database on the machine with that address; null: none. */
  constructor(model: SimulatedServer, machine: Machine, find: (address: string) => Database | null) {
    this.model = model;
    this.machine = machine;
    this.#find = find;
  }

  /** `host:port`, as configurations and records name it. */
  get address(): string {
    return `${this.machine.address}:${String(databasePort)}`;
  }

  get isUp(): boolean {
    return this.#process?.isAlive === true;
  }

  /** Whether it is there and does something. */
  get isAwake(): boolean {
    return this.#process !== null && this.#process.isAlive && !this.#process.isStopped;
  }

  /** Runs, and takes connections. */
  start(): void {
    if (this.isUp) return;
    const process = this.machine.start('database');
    this.#process = process;
    this.model.start();
    this.machine.network.listen(process, databasePort, (socket) => {
      serve(this.model, socket, {
        scheduler: { after: (ms, action) => afterOf(process, ms, action) },
        find: (host) => this.#find(host)?.model ?? null,
        client: '10.0.0.1:40000',
      });
    });
    this.#replicate(process);
  }

  /** Ends it in an instant. */
  kill(): void {
    if (this.model.isUp) this.model.kill();
    this.#process?.kill();
  }

  /** Ends it as it should end. */
  shutDown(): void {
    if (this.model.isUp) this.model.shutDown();
    this.#process?.kill();
  }

  /** Ends it with its machine: its log loses its end. */
  crash(lost: number, kept: number): void {
    this.model.crash({ lost, kept });
    this.#process?.kill();
  }

  /** Does nothing for so long. */
  freeze(forMs: number): void {
    this.#process?.stop(forMs);
  }

  /** Fetches and applies, for as long as the process lives. */
  #replicate(process: SimulatedProcess): void {
    const draws = this.machine.world.draws.fork(
      `replication of ${this.machine.name} at ${String(this.machine.world.nowMs)}`,
    );
    const again = (meanMs: number, what: string, work: () => void): void => {
      afterOf(process, 1 + draws.exponential(meanMs), () => {
        work();
        again(meanMs, what, work);
      });
    };
    again(pace.fetchMs, 'fetches', () => {
      const { replication } = this.model;
      if (replication === null) return;
      if (this.#reaches(replication.source)) replication.receive(8);
      else if (replication.connected) replication.disconnect();
    });
    again(pace.applyMs, 'applies', () => {
      const { replication } = this.model;
      const next = replication?.applicable(window) ?? [];
      const [first] = next;
      if (replication !== null && first !== undefined)
        replication.apply(draws.choice([first, ...next.slice(1)]));
    });
  }

  #reaches(source: SimulatedServer): boolean {
    const database = this.#find(source.host);
    return database?.isAwake === true && this.machine.network.isOpen(this.machine, database.machine);
  }
}

function afterOf(process: SimulatedProcess, ms: number, action: () => void): Appointment {
  return process.after(ms, 'timer', 'a timer of the database', action);
}
