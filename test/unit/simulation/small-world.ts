import { Machine } from '../../simulation/world/machine.js';
import { Network } from '../../simulation/world/network.js';
import { World } from '../../simulation/world/world.js';

/** A world with a network and as many machines as wanted: m1 at 10.0.0.1, and so on. */
export function smallWorld(seed: string, count = 2) {
  const world = new World(seed);
  const network = new Network(world);
  const machines = Array.from({ length: count }, (_, index) => {
    const number = String(index + 1);
    return new Machine({ world, network, name: `m${number}`, address: `10.0.0.${number}` });
  });
  return { world, network, machines };
}

/** The seeds from 1 to that one. */
export function seeds(last: number): string[] {
  return Array.from({ length: last }, (_, index) => String(index + 1));
}

/** What has come of work by now. */
export type Outcome<T> =
  | { readonly state: 'open' }
  | { readonly state: 'done'; readonly value: T; readonly atMs: number }
  | { readonly state: 'failed'; readonly error: unknown; readonly atMs: number };

/** What comes of a promise; to be asked while the world runs. */
export function watched<T>(world: World, promise: Promise<T>): () => Outcome<T> {
  let seen: Outcome<T> = { state: 'open' };
  promise.then(
    (value) => (seen = { state: 'done', value, atMs: world.nowMs }),
    (error: unknown) => (seen = { state: 'failed', error, atMs: world.nowMs }),
  );
  return () => seen;
}

/** What comes of work while the world runs. @throws what it throws, or that it hasn't ended in that time. */
export async function settled<T>(world: World, work: Promise<T>, forMs = 600_000): Promise<T> {
  const look = watched(world, work);
  await world.run({ forMs, until: () => look().state !== 'open' });
  const seen = look();
  if (seen.state === 'done') return seen.value;
  throw seen.state === 'failed' ? seen.error : new Error(`nothing came of it within ${String(forMs)} ms`);
}
