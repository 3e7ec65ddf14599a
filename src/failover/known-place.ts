import { displayHint } from '../hints/hint.js';
import { type AnchorKind, isAnchor } from '../matching/trail.js';
import type { Progress } from '../tail/progress.js';
import type { Placed } from './machine/event.js';
import type { Stand } from './machine/state.js';
import type { ReadingPlace } from '../resume/reading-place.js';

/** The part of a place that decisions use. Pure. */
export function placedOf(
  { member, inspection, resume, ...source }: ReadingPlace,
  anchors: AnchorKind,
): Placed {
  const { facts, logEnd } = inspection;
  const { anchor, confidence, matched, took } = source;
  return {
    server: member.name,
    serverId: facts.serverId,
    version: facts.version.text,
    coordinates: resume.coordinates,
    isAnchored: anchors === 'gtid' || resume.trail.some(isAnchor),
    hint: anchor?.kind === 'hint' ? anchor.name : null,
    gtid: anchor?.kind === 'gtid' ? anchor.name : null,
    ...{ confidence, matched, logEnd, took },
  };
}

/** The part of a stream's progress that decisions and messages use. Pure. */
export function standOf({ coordinates, keeper, partial }: Progress): Stand {
  const { lastHint, sequence } = keeper;
  return {
    coordinates,
    hint: lastHint && { token: lastHint.token, display: displayHint(lastHint) },
    sequence,
    partialChanges: partial?.changes ?? 0,
  };
}
