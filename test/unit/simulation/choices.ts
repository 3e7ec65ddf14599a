import type { Choices } from '../../simulation/server/workload.js';
import type { Random } from '../../support/random.js';

/** A workload's choices from a seeded source. */
export function choicesOf(random: Random): Choices {
  return {
    int: (n) => random.between(0, n - 1),
    pick: (list) => random.pick(list),
  };
}
