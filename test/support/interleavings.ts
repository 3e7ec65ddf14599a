import { createHash } from 'node:crypto';
import type { Clock } from '../../src/runtime/clock.js';
import type { Disk } from '../../src/runtime/disk.js';
import { runIn, type Runtime } from '../../src/runtime/runtime.js';
import { Draws } from '../simulation/world/draws.js';
import { FileSystem } from '../simulation/world/file-system.js';
import { ProcessDisk } from '../simulation/world/process-disk.js';

/** One thing that can happen next. */
export type Move = { readonly what: string; readonly do: () => void };

/** A run from the beginning on: its moves are chosen one after the other. */
export type Run = {
  /** What can happen next; none: it is over. */
  readonly moves: () => readonly Move[];
  /** All that bears on what can come of it. Runs of one key have the same future. */
  readonly key: () => string;
  /** The promise that is broken by now; null: none. */
  readonly broken: () => string | null;
};

/** What a search has visited. */
export type Searched = { readonly states: number; readonly interleavings: number; readonly steps: number };

/**
 * Runs code in every order of its moves, depth first: each run repeats a beginning, and goes on where nobody has been.
 * An interleaving ends where all has happened, or where another one has been.
 * @param mostSteps of one run.
 * @throws Error that tells the way to a broken promise.
 */
export async function runAll(begin: () => Run, mostSteps: number): Promise<Searched> {
  const seen = new Set<string>();
  const open: number[][] = [[]];
  let interleavings = 0;
  let steps = 0;
  for (let way = open.pop(); way !== undefined; way = open.pop()) {
    interleavings += 1;
    const run = begin();
    const told: string[] = [];
    for (let at = 0; ; at += 1) {
      await drained();
      const broken = run.broken();
      if (broken !== null) throw new Error(`${broken}, after:\n  ${told.join('\n  ')}`);
      const moves = run.moves();
      if (at >= way.length) {
        const key = run.key();
        if (seen.has(key)) break;
        seen.add(key);
        for (let other = moves.length - 1; other > 0; other -= 1) open.push([...way, other]);
        way.push(0);
      }
      const move = moves[way[at] ?? 0];
      if (move === undefined) break;
      if (at >= mostSteps) throw new Error(`there is no end to it:\n  ${told.slice(-40).join('\n  ')}`);
      told.push(move.what);
      steps += 1;
      move.do();
    }
  }
  return { states: seen.size, interleavings, steps };
}

/** Resolves when nothing is left to be done before Node's event loop would wait. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Nothing is left to chance: the search tries all there is. */
class NoDraws extends Draws {
  override chance(): boolean {
    return false;
  }

  override shuffled<T>(several: readonly T[]): T[] {
    return [...several];
  }
}

/** What processes of a run have in common: time, and a disk. */
export class SharedWorld {
  readonly files: FileSystem;
  readonly processes: SteppedProcess[] = [];
  nowMs = 1_000_000;
  /** How late each timer is. */
  lateMs = 0;
  /** What is done later than anybody waits for. */
  late: Move[] = [];

  constructor() {
    this.files = new FileSystem(new NoDraws('none'), () => this.nowMs);
  }

  isFolder(path: string): boolean {
    try {
      return this.files.status(path).kind === 'folder';
    } catch {
      return false;
    }
  }

  /** All files: their names, contents, and which names are of one file. */
  get filesKey(): string {
    return this.#folderKey('/');
  }

  #folderKey(folder: string): string {
    return this.files
      .list(folder)
      .map(({ name, kind }) => ({ path: `${folder === '/' ? '' : folder}/${name}`, kind }))
      .sort((one, other) => (one.path < other.path ? -1 : 1))
      .map(({ path, kind }) => {
        if (kind === 'folder') return this.#folderKey(path);
        const { inode, changedMs } = this.files.status(path);
        return `${path} ${inode} ${String(this.nowMs - changedMs)} ${this.files.content(path).toString('base64')}`;
      })
      .join('\n');
  }
}

type Call = {
  readonly what: string;
  readonly do: () => void;
  /** How it can go wrong. */
  readonly faults: readonly Move[];
};
type SetTimer = { readonly dueMs: number; readonly action: () => void };

/**
 * A process whose calls to the outside happen one at a time, each when the search says so: between two of them it may
 * stand still for any time. What it knows is what it was answered so far, as its code draws nothing at random: so two
 * runs in which it was answered the same have it in the same state.
 */
export class SteppedProcess {
  readonly name: string;
  readonly runtime: Runtime;
  isDead = false;
  readonly #world: SharedWorld;
  readonly #calls: Call[] = [];
  #timers: SetTimer[] = [];
  readonly #answers: string[] = [];
  #randoms = 0;

  /** @param place where its process id means something: a container. */
  constructor(
    world: SharedWorld,
    name: string,
    { pid, place }: { readonly pid: number; readonly place: string },
  ) {
    this.#world = world;
    this.name = name;
    world.processes.push(this);
    this.runtime = {
      clock: this.#clock(),
      disk: this.#disk(place),
      network: {
        connect: () => {
          throw new Error('there is no network');
        },
        addressesOf: () => Promise.resolve(['10.0.0.1']),
      },
      random: {
        bytes: (count) => {
          this.#randoms += 1;
          return createHash('sha256')
            .update(`${name} ${String(this.#randoms)}`)
            .digest()
            .subarray(0, count);
        },
        fraction: () => 0.5,
      },
      machine: {
        name: place,
        pid,
        hasProcess: (other) =>
          world.processes.some((one) => one.runtime.machine.pid === other && !one.isDead),
      },
      hasThreads: false,
    };
  }

  /** Does something as the process. */
  run<T>(work: () => T): T {
    return runIn(this.runtime, work);
  }

  /**
   * Asks the outside something: it has its effect, and is answered, when the search says so.
   * @param loss what it is answered where the question or the answer is lost; else neither can be.
   */
  call<T>(what: string, effect: () => T, loss?: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (ask: () => T): void => {
        try {
          const answered = ask();
          this.#note(what, answered);
          resolve(answered);
        } catch (error) {
          this.#note(what, String(error));
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const full = `${this.name} ${what}`;
      const fault = (how: string, first: () => void): Move => ({
        what: `${full}: ${how}`,
        do: () => {
          first();
          if (loss !== undefined) answer(loss);
        },
      });
      const faults = [
        fault('the question is lost', () => undefined),
        fault('the answer is lost', effect),
        fault('no answer, and it is done later', () =>
          this.#world.late.push({ what: `${full}: is done after all`, do: effect }),
        ),
      ];
      const call = {
        what: full,
        do: () => {
          answer(effect);
        },
        faults: loss === undefined ? [] : faults,
      };
      this.#calls.push(call);
    });
  }

  /** Is told something, before the answer to whatever it asks next. */
  tell(what: string, action: () => void): void {
    const call = {
      what: `${this.name} ${what}`,
      do: () => {
        this.#note(what, '');
        action();
      },
      faults: [],
    };
    this.#calls.unshift(call);
  }

  /** The next thing that it does; none: it is through, dead, or waits. */
  get moves(): readonly Move[] {
    if (this.isDead) return [];
    const moves = this.#calls.slice(0, 1).map((call) => this.#moveOf(call, call));
    const timer = this.#nextTimer;
    if (timer !== undefined && (moves.length === 0 || timer.dueMs <= this.#world.nowMs)) {
      moves.push({
        what: `${this.name} waits until ${timer.dueMs}`,
        do: () => {
          this.#world.nowMs = Math.max(this.#world.nowMs, timer.dueMs + this.#world.lateMs);
          this.#timers = this.#timers.filter((other) => other !== timer);
          this.#note('waits', this.#world.nowMs);
          this.run(timer.action);
        },
      });
    }
    return moves;
  }

  /** How the next thing that it does can go wrong. */
  get faults(): readonly Move[] {
    const [call] = this.#calls;
    return call === undefined ? [] : call.faults.map((fault) => this.#moveOf(call, fault));
  }

  /** When it next does something by itself; Infinity: never. */
  get dueMs(): number {
    if (this.#calls.length > 0) return this.#world.nowMs;
    return this.#nextTimer?.dueMs ?? Infinity;
  }

  get #nextTimer(): SetTimer | undefined {
    return this.#timers.toSorted((one, other) => one.dueMs - other.dueMs)[0];
  }

  #moveOf(call: Call, move: Move): Move {
    return {
      what: move.what,
      do: () => {
        this.#calls.splice(this.#calls.indexOf(call), 1);
        this.run(move.do);
      },
    };
  }

  /** What it was answered. */
  get key(): string {
    return createHash('sha256').update(this.#answers.join('\n')).digest('base64');
  }

  #note(what: string, answer: unknown): void {
    this.#answers.push(`${what}: ${told(answer)}`);
  }

  #clock(): Clock {
    const now = (): number => this.#world.nowMs;
    return {
      epochMs: now,
      monotonicMs: now,
      uptimeMs: now,
      after: (ms, action) => {
        const timer = { dueMs: now() + ms, action };
        this.#timers.push(timer);
        const cancel = (): void => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
        return { cancel, unref: cancel };
      },
      turn: (action) => this.runtime.clock.after(0, action),
    };
  }

  #isItsOwn(what: string): boolean {
    const path = /^opens (\S+)$/.exec(what)?.[1];
    if (path !== undefined && this.#world.isFolder(path)) return true;
    return ownCalls.some((own) => own.test(what));
  }

  #disk(place: string): Disk {
    const startedAtTick = (pid: number): number | null =>
      this.#world.processes.some(
        ({ runtime }) => runtime.machine.pid === pid && runtime.machine.name === place,
      )
        ? pid
        : null;
    return new ProcessDisk({
      files: this.#world.files,
      call: (what, effect) => (this.#isItsOwn(what) ? outcomeOf(effect) : this.call(what, effect)),
      bootId: () => place,
      startedAtTick,
      onKill: () => () => undefined,
    });
  }
}

/** What is no step: no other process sees it, and what it shows no other one changes. */
const ownCalls = [/ \/proc\//, /^(closes|syncs|makes) /, /\.\d+-[0-9a-f]{8}$/, /\.[0-9a-f]{12}\.tmp$/];

async function outcomeOf<T>(effect: () => T): Promise<T> {
  await Promise.resolve();
  return effect();
}

/** An answer in words. */
function told(answer: unknown): string {
  if (answer === null || answer === undefined) return '';
  if (Buffer.isBuffer(answer)) return answer.toString('base64');
  if (typeof answer === 'string') return answer;
  return JSON.stringify(answer);
}
