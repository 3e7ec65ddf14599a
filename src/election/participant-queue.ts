/**
 * What the nodes below ROOT/STREAM/election mean, as pure functions. Participants queue by the number at the end of
 * their node's name, and the first one leads. The data of the node above them has an operator's demand.
 */

/** A participant's rank in the queue: first, right behind the node `before`, or not in the queue. */
export type QueueRank =
  { readonly at: 'first' } | { readonly at: 'behind'; readonly before: string } | { readonly at: 'missing' };

/** What an operator asks for: that a node's participant leads (`take`), or that it stops leading (`leave`). */
export type Demand = { readonly kind: 'take' | 'leave'; readonly node: string };

/** Returns the names in the order of the queue, without names that aren't a participant's. */
export function inOrder(names: readonly string[]): readonly string[] {
  return names
    .flatMap((name) => {
      const digits = /-(\d{10})$/.exec(name)?.[1];
      return digits === undefined ? [] : [{ name, number: Number(digits) }];
    })
    .sort((one, other) => one.number - other.number)
    .map(({ name }) => name);
}

/** Returns the rank of `own` among all names. Each participant waits only for the one right before it. */
export function rankOf(names: readonly string[], own: string): QueueRank {
  const queue = inOrder(names);
  const index = queue.indexOf(own);
  if (index < 0) return { at: 'missing' };
  const before = queue[index - 1];
  return before === undefined ? { at: 'first' } : { at: 'behind', before };
}

/** Whether the first of the queue must make way. A demand for a participant that has gone has no effect. */
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

/** Formats a demand as the node's data, readable for people. */
export function formatDemand({ kind, node }: Demand): string {
  return `${kind} ${node}`;
}

/** Parses what {@link formatDemand} wrote. Null for anything else. */
export function parseDemand(text: string): Demand | null {
  const [, kind, node] = /^(take|leave) (\S+)$/.exec(text) ?? [];
  if (node === undefined || (kind !== 'take' && kind !== 'leave')) return null;
  return { kind, node };
}
