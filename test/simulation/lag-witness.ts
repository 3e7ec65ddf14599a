import type { Database } from './database.js';
import type { Transaction } from './server/transaction.js';
import type { World } from './world/world.js';

/** What other servers have had for so long counts as missing: milliseconds. */
const missingAfterMs = 500;
/** From the last look at a server to the end of its stream: milliseconds. A look takes no longer. */
const lookMs = 1500;
/** Between a transaction that takes long and the last two looks at its server nothing else lies: milliseconds. */
const heldMs = 2750;

/** Knows when each server has logged what, and so whether a stream that leaves one for its lag does so without need. */
export class LagWitness {
  readonly #world: World;
  readonly #logged = new Map<Database, Map<Transaction, number>>();
  /** Servers whose appliers are at a transaction that takes long, and since when. */
  readonly #held = new Map<Database, number>();
  /** What was wrong. */
  readonly needless: string[] = [];

  constructor(world: World, databases: readonly Database[]) {
    this.#world = world;
    for (const database of databases) {
      const times = new Map<Transaction, number>();
      this.#logged.set(database, times);
      const { binlog } = database.model;
      binlog.onGrown(() => {
        const last = binlog.current.groups.at(-1)?.transaction;
        if (last !== undefined && !times.has(last)) times.set(last, world.nowMs);
      });
    }
  }

  held(database: Database): void {
    this.#held.set(database, this.#world.nowMs);
  }

  released(database: Database): void {
    this.#held.delete(database);
  }

  /** A stream leaves a server because it lags behind another one. */
  left(from: Database, to: Database): void {
    const why = this.#isHeld(from)
      ? 'it is at a transaction that takes long'
      : this.#wasBehind(from, to)
        ? null
        : 'it has what the other one has';
    if (why === null) return;
    const at = (this.#world.nowMs / 1000).toFixed(3);
    this.needless.push(`${from.machine.name} for ${to.machine.name} at ${at}: ${why}`);
  }

  #isHeld(database: Database): boolean {
    const sinceMs = this.#held.get(database) ?? Infinity;
    const { replication } = database.model;
    const runs = replication?.connected === true && replication.applierStarted;
    const isHeld = runs && replication.heldDomain !== null && replication.waiting.length > 0;
    return isHeld && this.#world.nowMs - sinceMs > heldMs;
  }

  /** Whether it lacked lately what the other one had had for a while. */
  #wasBehind(database: Database, other: Database): boolean {
    const own = this.#logged.get(database);
    const nowMs = this.#world.nowMs;
    for (const [transaction, atMs] of this.#logged.get(other) ?? []) {
      const missingMs = atMs + missingAfterMs;
      const hereMs = own?.get(transaction) ?? nowMs;
      if (missingMs <= hereMs && hereMs >= nowMs - lookMs) return true;
    }
    return false;
  }
}
