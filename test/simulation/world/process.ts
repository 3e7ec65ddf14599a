import type { Runtime } from '../../../src/runtime/runtime.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { ProcessClock } from './process-clock.js';
import { ProcessDisk } from './process-disk.js';
import type { Machine } from './machine.js';
import type { Appointment } from './world.js';

/** What something comes of that a process is to handle: after it stood still, timers come first, and turns last. */
export type Cause = 'timer' | 'arrival' | 'turn';

const causes: readonly Cause[] = ['timer', 'arrival', 'turn'];

type Task = { readonly cause: Cause; readonly what: string; readonly action: () => void; cancelled: boolean };

/**
 * A process on a machine, with a runtime of its own. All that it does it does within that. It can stand still for a time
 * (what comes for it meanwhile waits), and it can be killed: then it never does anything again.
 */
export class SimulatedProcess {
  readonly pid: number;
  readonly machine: Machine;
  readonly runtime: Runtime;
  /** When it was started, in hundredths of a second since its machine was booted. */
  readonly startedAtTick: number;
  /** In the trace. */
  readonly #title: string;
  readonly #endings = new Set<(how: Ending) => void>();
  #ended = false;
  #stoppedUntilMs = -Infinity;
  #backlog: Task[] = [];
  #catchingUp = false;

  /** Machines start processes. */
  constructor(machine: Machine, name: string, pid: number) {
    this.machine = machine;
    this.#title = `${machine.name}/${name}`;
    this.pid = pid;
    this.startedAtTick = Math.floor(machine.uptimeMs / 10);
    const draws = machine.world.draws.fork(`process ${machine.name} ${String(pid)}`);
    const { network } = machine;
    this.runtime = {
      clock: new ProcessClock(this, draws.fork('clock')),
      network: {
        connect: (target) => network.connect(this, target),
        addressesOf: (host) => network.addressesOf(this, host),
      },
      disk: new ProcessDisk(this, draws.fork('disk')),
      random: draws.fork('random'),
      machine: { name: machine.name, pid, hasProcess: (other) => machine.processes.has(other) },
      hasThreads: false,
    };
  }

  get isAlive(): boolean {
    return !this.#ended;
  }

  /** Whether it stands still, by itself or with its machine. */
  get isStopped(): boolean {
    const { world, isAsleep } = this.machine;
    return !this.#ended && (isAsleep || this.#stoppedUntilMs > world.nowMs);
  }

  /** Does something as the process, right now. */
  run<T>(work: () => T): T {
    return runIn(this.runtime, work);
  }

  /** Has the process do something as soon as it can: at once, unless it stands still. */
  happen(cause: Cause, what: string, action: () => void): Appointment {
    const task: Task = { cause, what, action, cancelled: false };
    if (this.isStopped || this.#backlog.length > 0) {
      if (!this.#ended) this.#backlog.push(task);
    } else this.#do(task);
    return {
      cancel() {
        task.cancelled = true;
      },
    };
  }

  /** Has it do something after that time, or as soon as it can then. */
  after(ms: number, cause: Cause, what: string, action: () => void): Appointment {
    let task: Appointment | null = null;
    const event = this.machine.world.after(ms, `${this.#title}: ${what}`, () => {
      task = this.happen(cause, what, action);
    });
    return {
      cancel() {
        event.cancel();
        task?.cancel();
      },
    };
  }

  /** Stands still for so long, or until it is told to go on. */
  stop(forMs = Infinity): void {
    const { world } = this.machine;
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, world.nowMs + forMs);
    world.note(`${this.#title}: stands still`);
    if (forMs === Infinity) return;
    world.after(forMs, `${this.#title}: may go on`, () => {
      if (!this.isStopped) this.goOn();
    });
  }

  /** Goes on, with what has come meanwhile. */
  goOn(): void {
    this.#stoppedUntilMs = -Infinity;
    this.#backlog = causes.flatMap((cause) => this.#backlog.filter((task) => task.cause === cause));
    if (!this.#catchingUp) this.#catchUp();
  }

  /** Ends it, as SIGKILL does: the system closes its connections and its files. */
  kill(): void {
    this.machine.world.note(`${this.#title}: is killed`);
    this.end('killed');
  }

  /** Ends it, be it with its machine. */
  end(how: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#backlog = [];
    this.machine.processes.delete(this.pid);
    for (const ending of this.#endings) ending(how);
    this.#endings.clear();
  }

  /** Calls that when the process ends, outside of it; gives what calls it off. */
  onEnd(ending: (how: Ending) => void): () => void {
    this.#endings.add(ending);
    return () => {
      this.#endings.delete(ending);
    };
  }

  #catchUp(): void {
    this.#catchingUp = true;
    this.machine.world.after(0, `${this.#title}: catches up`, () => {
      this.#catchingUp = false;
      if (this.isStopped) return;
      const task = this.#backlog.shift();
      if (task !== undefined) this.#do(task);
      if (this.#backlog.length > 0) this.#catchUp();
    });
  }

  #do({ action, cancelled }: Task): void {
    if (!this.#ended && !cancelled) this.run(action);
  }
}

/** How a process has ended: killed, or its machine has lost power, and nobody says goodbye for it. */
export type Ending = 'killed' | 'power lost';
