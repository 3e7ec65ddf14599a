import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import type { ReplicaStatus } from '../mysql/replica-status.js';
import type { Look } from '../repoint/look.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { channelRefusal, type Force, loggingRefusal, type Refusal, refusalOf } from '../repoint/refusal.js';

/** A replica of the dead server that can be moved. */
export type MovableReplica = { readonly look: Look; readonly channel: ReplicaStatus };

/** A replica that can't, and why. */
export type Unusable = { readonly look: Look; readonly refusal: Refusal };

/**
 * Tells the replicas of the dead server from what can't be regrouped. What replicates from another of the list, or
 * from `below`, has been moved there by an earlier run.
 */
export function movableReplicas(
  looks: readonly Look[],
  dead: string,
  below: Look | null,
): { members: MovableReplica[]; unusable: Unusable[] } {
  const places = new Set([dead, ...looks.map(({ server }) => server), ...(below ? [below.server] : [])]);
  const members: MovableReplica[] = [];
  const unusable: Unusable[] = [];
  for (const look of looks) {
    const [channel] = look.inspection.channels;
    const refusal = channelRefusal(look) ?? (channel ? elsewhere(look, channel, dead, places) : null);
    if (refusal) unusable.push({ look, refusal });
    else if (channel) members.push({ look, channel });
  }
  return { members, unusable };
}

function elsewhere(
  { server }: Look,
  channel: ReplicaStatus,
  dead: string,
  places: ReadonlySet<string>,
): Refusal | null {
  const source = sourceAddress(channel);
  if (places.has(source)) return null;
  return { reason: 'elsewhere', message: `${server} replicates from ${source}, and not from ${dead}` };
}

/**
 * The replica that the others go below: one that some are below already (an earlier run was killed), else, of those
 * that can be a source and aren't delayed on purpose, the one that got most from the dead server; of equals the one
 * that the fewest would be refused below. Pure; null when none can be.
 */
export function mostAdvanced(
  members: readonly MovableReplica[],
  dead: string,
  forced: ReadonlySet<Force>,
): MovableReplica | null {
  const usable = members.filter(
    ({ look, channel }) => loggingRefusal(look) === null && channel.delaySeconds === 0,
  );
  const sources = new Set(members.map(({ channel }) => sourceAddress(channel)));
  const chosenBefore = usable.find(({ look }) => sources.has(look.server));
  if (chosenBefore) return chosenBefore;
  const refused = (target: MovableReplica): number =>
    members.filter(
      ({ look }) =>
        look !== target.look && refusalOf({ replica: look, target: target.look, above: [] }, forced) !== null,
    ).length;
  const ranked = usable
    .filter(({ channel }) => sourceAddress(channel) === dead)
    .toSorted((a, b) => compareReceived(b.channel.received, a.channel.received) || refused(a) - refused(b));
  return ranked[0] ?? null;
}

/** Which of two places in the dead server's log is further: a replica that hasn't reached it yet knows no file there. */
export function compareReceived(a: Coordinates, b: Coordinates): number {
  return compareCoordinates(a, b) ?? Number(a.file !== '') - Number(b.file !== '');
}
