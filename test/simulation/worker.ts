/** Runs the seeds that its parent names, one after the other: one process for each processor. See main.ts. */
import { simulate } from './simulation.js';

// Nobody reads the stacks of errors here, and they take time. `--seed` shows them.
Error.stackTraceLimit = 0;

process.on('message', (seed: string) => {
  void simulate(seed).then((outcome) => process.send?.(outcome));
});
