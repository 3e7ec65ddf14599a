import { at } from './aims.js';
import type { Fault } from './stage.js';

/** A transaction of one kind, written at once, whatever else is going on. */
function written(name: string, weight: number, kind: string): Fault {
  return {
    name,
    weight,
    gentle: true,
    draw: () => ({
      what: `a transaction: ${kind}`,
      holdMs: 0,
      aim: at('the load', async ({ load }) => {
        await load.order(kind);
        return () => Promise.resolve();
      }),
    }),
  };
}

export const loadFaults: readonly Fault[] = [
  written('huge transaction', 1.5, 'huge'),
  written('huge transaction rolled back', 0.5, 'huge, rolled back with a temporary table'),
  written('table altered', 1.5, 'column added or dropped'),
  written('table created', 0.7, 'table made'),
  {
    name: 'burst',
    weight: 1.5,
    gentle: true,
    draw(random) {
      const times = random.pick([3, 10, 30]);
      return {
        what: `${times} times as many transactions`,
        holdMs: random.between(500, 8000),
        aim: at('the load', ({ load }) => {
          load.quicken(times);
          return Promise.resolve(() => {
            load.quicken(1);
            return Promise.resolve();
          });
        }),
      };
    },
  },
];
