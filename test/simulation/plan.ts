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
  readonly anchors: 'auto' | 'hints';
  /** MariaDB's replication domains: what is of one is not in order with what is of another. */
  readonly domains: 1 | 2;
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
  /** Whether a second server is read beside the stream's, and whether the members take turns. */
  readonly shadow: 'none' | 'one' | 'in-turns';
  /** What goes wrong. `lag`: little, and nothing but replication and what may look like a lag. Time is left to notice it. */
  readonly faults: 'any' | 'lag';
  /** Rows of the largest transactions. */
  readonly mostRows: number;
  /** Which servers write compressed logs. */
  readonly compression: 'none' | 'some' | 'all';
  /** Whether other servers become the source, again and again. The one before becomes a replica. */
  readonly promotions: boolean;
};

/** Most runs are short, so that there are many. In the others more comes together. */
const sizes = {
  short: { mostRows: 20, loadMs: [4000, 8000], faultMs: [300, 700, 1500], writeMs: [40, 120, 300] },
  long: { mostRows: 80, loadMs: [8000, 15_000], faultMs: [500, 1000, 2000], writeMs: [80, 200, 400] },
} as const;

export function planOf(draws: Draws): Plan {
  const size = sizes[draws.chance(0.85) ? 'short' : 'long'];
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
    anchors: 'auto',
    domains: 1,
    writeMs: draws.choice(size.writeMs),
    loadMs: draws.integer(size.loadMs[0], size.loadMs[1]),
    faultMs: draws.choice(size.faultMs),
    margin: draws.choice([32, 64]),
    sink: draws.chance(0.7) ? 'file' : 'consumer',
    failback: draws.chance(0.3),
    shadow: 'none',
    faults: 'any',
    mostRows: size.mostRows,
    compression: draws.chance(0.3) ? draws.choice(['some', 'all']) : 'none',
    promotions: false,
  };
  const stored: Plan = plan.store === 'zookeeper' && draws.chance(0.4) ? { ...plan, store: 'mysql' } : plan;
  const anchored = anchoredOf(stored, draws);
  const promoted: Plan = draws.chance(0.3) ? { ...anchored, promotions: true } : anchored;
  // Ids of what comes again are the same only where servers keep one order (docs/limits.md).
  const possible: Plan = hasOneOrder(promoted) ? promoted : { ...promoted, sink: 'file' };
  const shadow = draws.chance(0.35) ? draws.choice<Plan['shadow']>(['one', 'in-turns']) : 'none';
  if (shadow === 'none' || draws.chance(0.6)) return { ...possible, shadow };
  const loadMs = draws.integer(10_000, 15_000);
  return { ...possible, shadow, faults: 'lag', loadMs, faultMs: 2500 };
}

/** By hints, by GTIDs, or by whatever the agent finds first. */
function anchoredOf(plan: Plan, draws: Draws): Plan {
  if (plan.gtidMode && draws.chance(0.4)) {
    return { ...plan, hintEvery: 0, domains: plan.vendor === 'mariadb' && draws.chance(0.4) ? 2 : 1 };
  }
  return draws.chance(0.7) ? { ...plan, anchors: 'hints' } : plan;
}

/** Whether all servers commit in the source's order. */
export function hasOneOrder({ keepsOrder, domains }: Plan): boolean {
  return keepsOrder && domains === 1;
}
