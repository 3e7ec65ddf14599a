import type { Draws } from './world/draws.js';

/** What a seed draws before anything begins. */
export type Plan = {
  readonly vendor: 'mysql' | 'mariadb';
  readonly gtidMode: boolean;
  readonly keepsOrder: boolean;
  readonly rowMetadata: 'FULL' | 'none';
  readonly mostRowBytes: number;
  readonly replicas: number;
  /** Whether the source is a member of the pool. */
  readonly sourceIsMember: boolean;
  readonly store: 'file' | 'zookeeper' | 'mysql';
  /** Two: they elect one where the checkpoint is. */
  readonly agents: 1 | 2;
  /** Transactions from one hint to the next. 0: nobody injects hints, and GTIDs take their place. */
  readonly hintEvery: number;
  /** Between two transactions: milliseconds, on average. */
  readonly writeMs: number;
  /** How long is written and faults are made: milliseconds. */
  readonly loadMs: number;
  /** Between two faults: milliseconds, on average. */
  readonly faultMs: number;
  readonly margin: number;
  /** Where the records go: into a file that remembers them, or to a consumer whose sink doesn't. */
  readonly sink: 'file' | 'consumer';
  /** Whether the stream returns to members of higher priority: the later ones of the pool have more. */
  readonly failback: boolean;
  /** Whether a second server is read beside the stream's. */
  readonly shadow: boolean;
};

export function planOf(draws: Draws): Plan {
  const vendor = draws.choice<Plan['vendor']>(['mysql', 'mariadb']);
  const agents = draws.chance(0.4) ? 2 : 1;
  const plan: Plan = {
    vendor,
    gtidMode: vendor === 'mariadb' || draws.chance(0.6),
    keepsOrder: vendor === 'mariadb' || draws.chance(0.7),
    rowMetadata: draws.chance(0.7) ? 'FULL' : 'none',
    mostRowBytes: draws.choice([200, 1000, 8192]),
    replicas: draws.integer(2, 3),
    sourceIsMember: draws.chance(0.2),
    store: agents === 2 || draws.chance(0.5) ? 'zookeeper' : 'file',
    agents,
    hintEvery: draws.choice([5, 15, 40]),
    writeMs: draws.choice([40, 120, 300]),
    loadMs: draws.integer(5_000, 15_000),
    faultMs: draws.choice([500, 1200, 3000]),
    margin: draws.choice([32, 64]),
    sink: draws.chance(0.7) ? 'file' : 'consumer',
    failback: draws.chance(0.3),
    shadow: false,
  };
  // Ids of what comes again are the same only where servers keep one order (docs/limits.md).
  const possible: Plan = plan.keepsOrder ? plan : { ...plan, sink: 'file' };
  const stored: Plan =
    plan.store === 'zookeeper' && draws.chance(0.4) ? { ...possible, store: 'mysql' } : possible;
  const hinted: Plan = plan.gtidMode && draws.chance(0.35) ? { ...stored, hintEvery: 0 } : stored;
  return { ...hinted, shadow: draws.chance(0.35) };
}
