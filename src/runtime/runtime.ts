import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.js';
import type { Disk } from './disk.js';
import type { Machine } from './machine.js';
import { nodeRuntime } from './node.js';
import type { Network } from './network.js';
import type { Random } from './random.js';

/**
 * What the agent has of the outside. It is around all of the code, as a process is, and not handed from one to the other:
 * who asks for the time has nothing else in common with who opens a file.
 */
export type Runtime = {
  readonly clock: Clock;
  readonly network: Network;
  readonly disk: Disk;
  readonly random: Random;
  readonly machine: Machine;
  /**
   * Whether long work may go to another thread. When it comes back from there is in nobody's hands: where a run must be
   * the same each time, it is done in this one.
   */
  readonly hasThreads: boolean;
};

/** None as long as nobody has asked for a runtime of his own: then nothing is tracked. */
let given: AsyncLocalStorage<Runtime> | null = null;

/** The runtime that whoever asks runs within; Node's own, unless it is within another. */
export function runtime(): Runtime {
  return given?.getStore() ?? nodeRuntime;
}

/** Runs the work, and all that it starts, within that runtime. */
export function runIn<T>(own: Runtime, work: () => T): T {
  given ??= new AsyncLocalStorage();
  return given.run(own, work);
}
