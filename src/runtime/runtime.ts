import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.js';
import type { Disk } from './disk.js';
import type { Machine } from './machine.js';
import { nodeRuntime } from './node.js';
import type { Network } from './network.js';
import type { Random } from './random.js';

/**
 * Everything that the agent has of the outside. It surrounds the code as a process does, and is not a parameter: the
 * code that asks for the time has nothing else in common with the code that opens a file.
 */
export type Runtime = {
  readonly clock: Clock;
  readonly network: Network;
  readonly disk: Disk;
  readonly random: Random;
  readonly machine: Machine;
  /**
   * Whether long work may go to another thread. Nobody controls when it comes back from there. So a run that must be
   * the same each time does all work in this thread.
   */
  readonly hasThreads: boolean;
};

/** Null until somebody runs within another runtime. Until then nothing is tracked. */
let given: AsyncLocalStorage<Runtime> | null = null;

/** Returns the runtime that the caller runs within. It is Node's own unless {@link runIn} gave another one. */
export function runtime(): Runtime {
  return given?.getStore() ?? nodeRuntime;
}

/** Runs work, and everything that it starts, within a runtime. */
export function runIn<T>(own: Runtime, work: () => T): T {
  given ??= new AsyncLocalStorage();
  return given.run(own, work);
}
