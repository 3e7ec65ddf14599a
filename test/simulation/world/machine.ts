import type { Draws } from './draws.js';
import { FileSystem } from './file-system.js';
import type { Network } from './network.js';
import { SimulatedProcess } from './process.js';
import type { World } from './world.js';

/** When a world begins, by all clocks that nobody has set. */
const beginsEpochMs = Date.UTC(2026, 0, 1);
const firstPid = 100;

/** Where a machine is. */
export type MachineOptions = {
  readonly world: World;
  readonly network: Network;
  /** The name by which others find it, too. */
  readonly name: string;
  /** Its IP address. */
  readonly address: string;
};

/** A machine: its clocks, its disk, its place in the network, and the processes on it. */
export class Machine {
  readonly world: World;
  readonly network: Network;
  readonly name: string;
  readonly address: string;
  readonly fileSystem: FileSystem;
  /** Those that are alive, by their ids. */
  readonly processes = new Map<number, SimulatedProcess>();
  readonly #draws: Draws;
  #isUp = true;
  #bootedAtMs = 0;
  #boots = 1;
  #nextPid = firstPid;
  /** By how much the wall clock is ahead of the world's. */
  #aheadMs = 0;
  /** How long it was suspended before, and since when it is now. */
  #sleptMs = 0;
  #asleepSinceMs: number | null = null;

  constructor({ world, network, name, address }: MachineOptions) {
    this.world = world;
    this.network = network;
    this.name = name;
    this.address = address;
    this.#draws = world.draws.fork(`machine ${name}`);
    this.fileSystem = new FileSystem(this.#draws.fork('disk'), () => this.epochMs);
    network.add(this);
  }

  /** Whether it has power. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether it is suspended. */
  get isAsleep(): boolean {
    return this.#asleepSinceMs !== null;
  }

  /** The wall clock: whole milliseconds since 1970. */
  get epochMs(): number {
    return Math.floor(beginsEpochMs + this.world.nowMs + this.#aheadMs);
  }

  /** Milliseconds that it has been awake. */
  get awakeMs(): number {
    const now = this.#asleepSinceMs ?? this.world.nowMs;
    return now - this.#sleptMs;
  }

  /** Milliseconds since it was booted, with those that it slept. */
  get uptimeMs(): number {
    return this.world.nowMs - this.#bootedAtMs;
  }

  /** Another one for each boot. */
  get bootId(): string {
    return this.#draws
      .fork(`boot ${String(this.#boots)}`)
      .bytes(16)
      .toString('hex');
  }

  /** Starts a process. */
  start(name: string): SimulatedProcess {
    if (!this.#isUp) throw new Error(`${this.name} has no power`);
    const process = new SimulatedProcess(this, name, this.#nextPid);
    this.#nextPid += 1;
    this.processes.set(process.pid, process);
    return process;
  }

  /** Sets the wall clock, forwards or back. */
  stepWallClock(byMs: number): void {
    this.world.note(`${this.name}: the wall clock is set by ${String(byMs)} ms`);
    this.#aheadMs += byMs;
  }

  /** Is suspended for so long: it does nothing, and the clock that counts what it is awake stands still. */
  sleep(forMs: number): void {
    if (this.isAsleep) return;
    this.#asleepSinceMs = this.world.nowMs;
    this.world.note(`${this.name}: falls asleep`);
    this.world.after(forMs, `${this.name}: wakes up`, () => {
      this.#wake();
    });
  }

  /** Loses power: no process says goodbye, and what the disk hasn't kept may be gone. */
  losePower(): void {
    this.world.note(`${this.name}: loses power`);
    this.#isUp = false;
    for (const process of [...this.processes.values()]) process.end('power lost');
    this.fileSystem.losePower();
  }

  /** Has power again. No process runs. */
  boot(): void {
    this.world.note(`${this.name}: boots`);
    this.#isUp = true;
    this.#boots += 1;
    this.#bootedAtMs = this.world.nowMs;
    this.#asleepSinceMs = null;
    this.network.opened();
  }

  #wake(): void {
    if (this.#asleepSinceMs === null) return;
    this.#sleptMs += this.world.nowMs - this.#asleepSinceMs;
    this.#asleepSinceMs = null;
    for (const process of this.processes.values()) if (!process.isStopped) process.goOn();
    this.network.opened();
  }
}
