import type { SimulatedServer } from './server/server.js';
import { serve } from './server/session.js';
import type { Draws } from './world/draws.js';
import type { Machine } from './world/machine.js';
import type { SimulatedProcess } from './world/process.js';
import type { Appointment } from './world/world.js';

/** Where every database server listens, on a machine of its own. */
export const databasePort = 3306;

/**
 * How soon a replica fetches what its source has logged, how soon it applies what has come (several at once, if it keeps no
 * order), and how often it looks whether there is anything: milliseconds, on average.
 */
const pace = { fetchMs: 30, applyMs: 12, applyManyMs: 250, lookMs: 400 } as const;

/** How many transactions an applier looks at that may commit in another order. */
const window = 4;

/** A database server of the model as a process on a machine, and its replication in virtual time. */
export class Database {
  readonly model: SimulatedServer;
  readonly machine: Machine;
  /** How many times longer its applier takes than usually. */
  slowness = 1;
  readonly #find: (address: string) => Database | null;
  #process: SimulatedProcess | null = null;
  /** What its replication does, for as long as its process lives. */
  #fetching: Duty | null = null;

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

  /** Its source has logged something. */
  mayFetch(): void {
    this.#fetching?.mayBegin();
  }

  /** Does nothing for so long. */
  freeze(forMs: number): void {
    this.#process?.stop(forMs);
  }

  /** Has its replicas fetch what it logs, for as long as the process lives; if it is one itself, it fetches and applies. */
  #replicate(process: SimulatedProcess): void {
    const { binlog, replicas } = this.model;
    const unlisten = binlog.onGrown(() => {
      for (const { host } of replicas) this.#find(host)?.mayFetch();
    });
    process.onEnd(unlisten);
    this.#fetching = null;
    if (this.model.replication !== null) this.#follow(process);
  }

  /** It has become a replica while it runs. */
  followsNow(): void {
    if (this.#process !== null && this.isUp && this.#fetching === null) this.#follow(this.#process);
  }

  #follow(process: SimulatedProcess): void {
    const draws = this.machine.world.draws.fork(
      `replication of ${this.machine.name} at ${String(this.machine.world.nowMs)}`,
    );
    const applyMs = this.model.keepsOrder ? pace.applyMs : pace.applyManyMs;
    const applying = new Duty(
      process,
      draws,
      () => applyMs * this.slowness,
      () => this.#apply(draws),
    );
    this.#fetching = new Duty(
      process,
      draws,
      () => pace.fetchMs,
      () => {
        const hasCome = this.#fetch();
        if (hasCome) applying.mayBegin();
        return hasCome;
      },
    );
  }

  /** Whether anything has come. */
  #fetch(): boolean {
    const { replication } = this.model;
    if (replication === null) return false;
    if (this.#reaches(replication.source)) return replication.receive(8) > 0;
    if (replication.connected) replication.disconnect();
    return false;
  }

  /** Whether it has applied anything. */
  #apply(draws: Draws): boolean {
    const { replication } = this.model;
    if (replication === null) return false;
    let count = 0;
    // Where no order is kept, several appliers commit what has gathered meanwhile.
    for (const most = this.model.keepsOrder ? 1 : window; count < most; count += 1) {
      const [first, ...others] = replication.applicable(window);
      if (first === undefined || replication.apply(draws.choice([first, ...others])) === null) break;
    }
    return count > 0;
  }

  #reaches(source: SimulatedServer): boolean {
    const database = this.#find(source.host);
    return database?.isAwake === true && this.machine.network.isOpen(this.machine, database.machine);
  }
}

/** Work of a process that is done again and again, soon after there is some. */
class Duty {
  readonly #process: SimulatedProcess;
  readonly #draws: Draws;
  readonly #meanMs: () => number;
  readonly #work: () => boolean;
  #next: Appointment;
  #isIdle = false;

  /** @param work does some of it; whether there was any. */
  constructor(process: SimulatedProcess, draws: Draws, meanMs: () => number, work: () => boolean) {
    this.#process = process;
    this.#draws = draws;
    this.#meanMs = meanMs;
    this.#work = work;
    this.#next = this.#plan(meanMs());
  }

  /** There may be something to do again. */
  mayBegin(): void {
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#next.cancel();
    this.#next = this.#plan(this.#meanMs());
  }

  #plan(meanMs: number): Appointment {
    return afterOf(this.#process, 1 + this.#draws.exponential(meanMs), () => {
      this.#isIdle = false;
      this.#isIdle = !this.#work();
      this.#next = this.#plan(this.#isIdle ? pace.lookMs : this.#meanMs());
    });
  }
}

function afterOf(process: SimulatedProcess, ms: number, action: () => void): Appointment {
  return process.after(ms, 'timer', 'a timer of the database', action);
}
