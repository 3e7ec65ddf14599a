import { expect, test } from 'vitest';
import { visitAll } from '../../support/state-space.js';
import { RowModel, type RowModelOptions } from './row-model.js';

const isLarge = process.env['WAYMARK_TEST_MODEL'] === 'large';

/** Of the larger ones each takes minutes. */
const sizes: readonly RowModelOptions[] = [
  { agents: 2, timeout: 3, margin: 1, faults: 0 },
  { agents: 2, timeout: 2, margin: 1, faults: 1 },
  ...(isLarge
    ? [
        { agents: 2, timeout: 3, margin: 1, faults: 1 },
        { agents: 2, timeout: 2, margin: 1, faults: 2 },
        { agents: 3, timeout: 2, margin: 1, faults: 0 },
      ]
    : []),
];
const limitMs = isLarge ? 3_600_000 : 120_000;

/** Without a fault a leader is found within so many steps, from every state. */
const mostCalmSteps = 100;

test.each(sizes)(
  'a lease in a row has one holder in every state of %j, and a way to one',
  { timeout: limitMs },
  (size) => {
    const { states, steps, interleavings, longestWay, calmSteps } = visitAll(
      new RowModel(size),
      mostCalmSteps,
    );
    console.log(
      `${JSON.stringify(size)}: ${states} states, ${steps} steps between them, ${interleavings.toExponential(1)} ` +
        `interleavings of ${longestWay} steps; a leader after ${calmSteps} steps without faults at the most`,
    );
    expect(states).toBeGreaterThan(10_000);
  },
);
