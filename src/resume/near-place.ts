import type { Coordinates } from '../binlog/coordinates.js';
import { GtidState } from '../gtids/gtid-state.js';
import { findResumePoint, type ResumeOptions, type Resumption } from '../matching/resume-point.js';
import type { AnchorKind, TrailEntry } from '../matching/trail.js';
import { commitsInOneOrder, type Inspection } from '../mysql/inspect.js';
import { hasCode } from '../util/errors.js';

/** The end of the trail of a stream by hints, from the GTID of one of its last transactions on. */
export type NearTrail = {
  readonly gtid: string;
  /** Where its transaction begins on the server that it was read from. */
  readonly coordinates: Coordinates;
  /** Begins with the GTID. */
  readonly entries: readonly TrailEntry[];
  /** Where the last hint was injected. Null if it isn't known. */
  readonly sourceServerId: number | null;
};

/** What the stream has delivered: see StreamHistory. */
type Delivered = {
  readonly trail: readonly TrailEntry[];
  readonly near: NearTrail | null;
  readonly ordered: boolean;
  readonly anchors: AnchorKind;
  readonly place: { readonly sequence: number };
};

/** How many times longer the whole trail must be. Below that, little would be gained. */
const worthwhile = 4;

/** What shows that a place can't be found by the GTID. The hints may say more. */
const notByGtid = ['behind', 'purged', 'not-found', 'diverged'] as const;

/**
 * The end of the trail, if the stream's place can be looked for by it on a server: both keep the source's order, the
 * server has the GTID, and the trail's oldest hint is much further away. Null if not. Pure.
 */
export function nearTrailFor(
  { near, anchors, ordered, trail }: Delivered,
  inspection: Inspection,
): NearTrail | null {
  if (near === null || anchors !== 'hint' || !ordered || !commitsInOneOrder(inspection)) return null;
  const { gtids, gtidSet } = inspection.facts;
  if (gtids !== 'shared' || !GtidState.parse(gtidSet).has(near.gtid)) return null;
  return trail.length >= worthwhile * near.entries.length ? near : null;
}

/**
 * Finds the place on a server by a GTID that is nearer than the trail's hints. Where hints are rare, that saves reading
 * and comparing minutes of the log. What is compared is as much as in a stream by GTIDs. Null: it can't be found so.
 * @throws what reading the log throws.
 */
export async function findNearPlace(
  near: NearTrail,
  { trail, place }: Delivered,
  options: Omit<ResumeOptions, 'trail' | 'trailOrdered' | 'delivered'>,
): Promise<Resumption | null> {
  try {
    const found = await findResumePoint({
      ...options,
      trail: near.entries,
      trailOrdered: true,
      delivered: null,
      waitsUntilThere: false,
    });
    const { confidence, evidence, resume } = found;
    if (confidence !== 'exact' || evidence.additional > 0 || resume.skip.length > 0) return null;
    // Both servers have the trail in the same order. So it stays what it is, with its hints.
    const { sourceServerId } = near;
    return { ...found, resume: { ...resume, trail, sequence: place.sequence, sourceServerId } };
  } catch (error) {
    if (notByGtid.some((code) => hasCode(error, code))) return null;
    throw error;
  }
}
