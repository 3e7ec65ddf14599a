import type { Runtime } from '../../../src/runtime/runtime.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { ProcessClock } from './process-clock.js';
import { type DiskCall, ProcessDisk } from './process-disk.js';
import type { Draws } from './draws.js';
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
  /** Where it is to stand still, and for how long. */
  #stopping: { readonly isMoment: (what: string) => boolean; readonly forMs: number } | null = null;
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
      disk: this.#disk(draws.fork('disk')),
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

  /** Whether it has done all that it was told to do so far. */
  get isCaughtUp(): boolean {
    return !this.isStopped && this.#backlog.length === 0;
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
      this.#stopBefore(what);
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

  /** Stands still for so long, right before it next does what is meant. */
  stopAt(isMoment: (what: string) => boolean, forMs: number): void {
    this.#stopping = { isMoment, forMs };
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

  #stopBefore(what: string): void {
    const stopping = this.#stopping;
    if (stopping?.isMoment(what) !== true) return;
    this.#stopping = null;
    this.stop(stopping.forMs);
  }

  /** Each call takes some time before its effect, and some behind it. */
  #disk(draws: Draws): ProcessDisk {
    const { fileSystem, processes } = this.machine;
    const call: DiskCall = (what, effect, syncs = false) => {
      const { meanMs, syncMeanMs } = fileSystem;
      const takesMs = draws.exponential(syncs ? syncMeanMs : meanMs);
      return new Promise((resolve, reject) => {
        this.after(takesMs, 'arrival', what, () => {
          const answer = outcomeOf(effect);
          this.after(draws.exponential(meanMs), 'arrival', `${what}: done`, () => {
            if ('error' in answer) reject(answer.error);
            else resolve(answer.value);
          });
        });
      });
    };
    return new ProcessDisk({
      ...{ files: fileSystem, call },
      bootId: () => this.machine.bootId,
      startedAtTick: (pid) => processes.get(pid)?.startedAtTick ?? null,
      // What had a file open is forgotten with everything else when power is lost.
      onKill: (closed) =>
        this.onEnd((how) => {
          if (how === 'killed') closed();
        }),
    });
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

/** What an effect comes to, to be told later. */
function outcomeOf<T>(effect: () => T): { readonly value: T } | { readonly error: Error } {
  try {
    return { value: effect() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** How a process has ended: killed, or its machine has lost power, and nobody says goodbye for it. */
export type Ending = 'killed' | 'power lost';
