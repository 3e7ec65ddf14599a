/**
 * What the nodes below ROOT/STREAM/election mean: a queue of candidates by the number behind their names, the first
 * of which leads, and what an operator has asked for, which stands in the data of the node above them. Pure functions.
 */

/** Where a candidate stands in the queue. */
export type QueueRank =
  { readonly at: 'first' } | { readonly at: 'behind'; readonly before: string } | { readonly at: 'missing' };

/** What an operator asks for: that one node shall lead, or that one shall no longer. */
export type Demand = { readonly kind: 'take' | 'leave'; readonly node: string };

/** The names in the order of the queue; what is no candidate's is left out. */
export function inOrder(names: readonly string[]): readonly string[] {
  return names
    .flatMap((name) => {
      const digits = /-(\d{10})$/.exec(name)?.[1];
      return digits === undefined ? [] : [{ name, number: Number(digits) }];
    })
    .sort((one, other) => one.number - other.number)
    .map(({ name }) => name);
}

/** Where `own` stands among all names. Each waits for the one right before it, and for nobody else. */
export function rankOf(names: readonly string[], own: string): QueueRank {
  const queue = inOrder(names);
  const index = queue.indexOf(own);
  if (index < 0) return { at: 'missing' };
  const before = queue[index - 1];
  return before === undefined ? { at: 'first' } : { at: 'behind', before };
}

/** Whether the first of the queue is asked to make way. Who is asked for and no longer there was asked for in vain. */
export function mustLeave(demand: Demand | null, own: string, names: readonly string[]): boolean {
  switch (demand?.kind) {
    case undefined:
      return false;
    case 'leave':
      return demand.node === own;
    case 'take':
      return demand.node !== own && names.includes(demand.node);
  }
}

/** A demand as the node's data, for people to read. */
export function formatDemand({ kind, node }: Demand): string {
  return `${kind} ${node}`;
}

/** Reads what {@link formatDemand} wrote; null for anything else. */
export function parseDemand(text: string): Demand | null {
  const [, kind, node] = /^(take|leave) (\S+)$/.exec(text) ?? [];
  if (node === undefined || (kind !== 'take' && kind !== 'leave')) return null;
  return { kind, node };
}
