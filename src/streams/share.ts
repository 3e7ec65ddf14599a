/** What an agent has to do with the streams, as its configuration has them. */
export type Share = {
  /** These it leads. */
  readonly lead: ReadonlySet<string>;
  /** For these it stands by. */
  readonly standBy: ReadonlySet<string>;
};

/**
 * Shares streams out among agents, and gives one agent's part. Pure: whoever knows of the same streams and agents comes
 * to the same result, so nobody has to ask anybody, and nothing moves as long as neither changes. The leases see to it
 * that nobody leads what another still has.
 *
 * Evenly: no agent leads more than one stream more than another, and none more than `limit`. Each stream and agent have
 * a weight for each other; the heaviest pairs come together first, as far as an agent has room. So an agent that comes
 * takes little more than its part from the others, and one that goes leaves hardly more than its own behind. It stands
 * by for a stream who is its heaviest agent but for the leader.
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

/** How many streams each agent leads: as many as every other, and what is left over one each. */
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

/** FNV-1a over both names, stirred at the end (the finalizer of MurmurHash3): the last letters count as the first. */
function weightOf(stream: string, agent: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${stream}\n${agent}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
