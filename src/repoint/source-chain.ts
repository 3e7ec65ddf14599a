import { type Look, lookUnlessAway } from './look.js';
import { sourceAddress } from '../mysql/server-facts.js';

/** One server above another, as far as it can be told. */
export type Ancestor = {
  readonly server: string;
  readonly serverId: number;
  /** '' where the server couldn't be asked. */
  readonly uuid: string;
  /** The servers between it and the one it was looked for from, nearest first. */
  readonly through: readonly string[];
};

/**
 * The servers above one: its sources, their sources, and so on. Only what answers is followed further: what doesn't
 * is known by what its replica says of it.
 */
export async function sourcesAbove(target: Look, signal: AbortSignal): Promise<Ancestor[]> {
  const seen = new Set([target.server]);
  const ancestors: Ancestor[] = [];
  const next: { look: Look; path: readonly string[] }[] = [{ look: target, path: [] }];
  for (let step = next.shift(); step !== undefined; step = next.shift()) {
    const { look, path } = step;
    for (const channel of look.inspection.channels) {
      const server = sourceAddress(channel);
      if (seen.has(server)) continue;
      seen.add(server);
      const above = await lookUnlessAway(server, look, signal);
      if (above) next.push({ look: above, path: [...path, server] });
      const facts = above?.inspection.facts;
      ancestors.push({
        server,
        serverId: facts?.serverId ?? channel.sourceServerId,
        uuid: facts?.uuid ?? '',
        through: path,
      });
    }
  }
  return ancestors;
}
