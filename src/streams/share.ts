/** An agent's share of the streams. */
export type Share = {
  /** The streams that it leads. */
  readonly lead: ReadonlySet<string>;
  /** The streams that it stands by for. */
  readonly standBy: ReadonlySet<string>;
};

/**
 * Shares streams out among agents, and returns one agent's share. Pure. All agents that know the same streams and
 * agents compute the same result. So they don't have to talk to each other, and nothing moves while neither changes.
 * The leases make sure that no agent leads what another still has.
 *
 * The shares are even: no agent leads over one stream more than another, and none leads more than `limit`. Each pair of
 * stream and agent has a weight. The heaviest pairs are chosen first, as long as the agent has room. So a new agent
 * takes little more than its share from the others, and an agent that goes leaves little more than its own to them. The
 * agent that stands by for a stream is its heaviest agent apart from the leader.
 */
export function shareOf(
  self: string,
  streams: readonly string[],
  agents: readonly string[],
  limit: number,
): Share {
  const room = roomOf(streams.length, agents, limit);
  const leaders = new Map<string, string>();
  const pairs = streams
    .flatMap((stream) => agents.map((agent) => ({ stream, agent, weight: weightOf(stream, agent) })))
    .toSorted(heaviestFirst);
  const lead = new Set<string>();
  for (const { stream, agent } of pairs) {
    const left = room.get(agent) ?? 0;
    if (left === 0 || leaders.has(stream)) continue;
    room.set(agent, left - 1);
    leaders.set(stream, agent);
    if (agent === self) lead.add(stream);
  }
  const served = new Set<string>();
  const standBy = new Set<string>();
  for (const { stream, agent } of pairs) {
    if (served.has(stream) || leaders.get(stream) === agent) continue;
    served.add(stream);
    if (agent === self) standBy.add(stream);
  }
  return { lead, standBy };
}

/** Returns how many streams each agent leads. The rest of the division goes to the first agents, one each. */
function roomOf(streams: number, agents: readonly string[], limit: number): Map<string, number> {
  const each = Math.floor(streams / agents.length);
  const over = streams % agents.length;
  return new Map(
    agents.toSorted().map((agent, index) => [agent, Math.min(limit, index < over ? each + 1 : each)]),
  );
}

type Pair = { readonly stream: string; readonly agent: string; readonly weight: number };

function heaviestFirst(a: Pair, b: Pair): number {
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.agent < b.agent ? -1 : 1;
}

/**
 * Returns the weight of a pair: FNV-1a over both names, then the finalizer of MurmurHash3, so that the last letters
 * count as much as the first.
 */
function weightOf(stream: string, agent: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${stream}\n${agent}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
