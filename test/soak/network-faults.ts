import { at, atLink } from './aims.js';
import type { Fault } from './stage.js';

export const networkFaults: readonly Fault[] = [
  {
    name: 'network cut',
    weight: 6,
    draw: (random) => ({ what: 'cut', holdMs: random.between(300, 9000), aim: atLink(random) }),
  },
  {
    name: 'ZooKeeper killed',
    weight: 1.5,
    draw: (random) => ({
      what: 'killed',
      holdMs: random.between(0, 5000),
      aim: at('ZooKeeper', async ({ zookeeper }) => {
        await zookeeper.kill();
        return () => zookeeper.restart();
      }),
    }),
  },
  {
    name: 'ZooKeeper frozen',
    weight: 1.5,
    draw: (random) => ({
      what: 'frozen',
      holdMs: random.between(200, 9000),
      aim: at('ZooKeeper', async ({ zookeeper }) => {
        await zookeeper.freeze();
        return () => zookeeper.resume();
      }),
    }),
  },
];
