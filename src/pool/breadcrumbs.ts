import type { Coordinates } from '../binlog/coordinates.js';
import { GtidState } from '../gtids/gtid-state.js';
import { compareHints, type Hint } from '../hints/hint.js';
import type { Anchor } from '../matching/trail.js';
import { monotonicMs } from '../util/clock.js';

/** What one look at a member shows. */
type Look = {
  /** The end of its log. */
  readonly coordinates: Coordinates;
  /** The last hint that was delivered before it was asked. */
  readonly hint: Hint | null;
  /** What it had by then, by GTID. '' if it has no GTIDs, or too many to keep. */
  readonly gtidSet: string;
};

type Note = Look & { readonly atMs: number };

const intervalMs = 3000;

/** Notes kept for each member: an hour's. */
const keptNotes = 1200;

/** Most sets are much shorter. Longer ones would take megabytes. */
const longestGtidSet = 4096;

/**
 * Notes of where the members' logs ended. After a failure, reading begins shortly before the anchor instead of at a
 * file's beginning. A note is a guess. The anchors show whether it was early enough.
 */
export class Breadcrumbs {
  readonly #notes = new Map<string, Note[]>();

  /** Takes a note, unless there is one from a moment ago. */
  note(server: string, { coordinates, hint, gtidSet }: Look): void {
    const notes = this.#notes.get(server) ?? [];
    const atMs = monotonicMs();
    if (atMs - (notes.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) < intervalMs) return;
    notes.push({ coordinates, hint, gtidSet: gtidSet.length > longestGtidSet ? '' : gtidSet, atMs });
    if (notes.length > keptNotes) notes.shift();
    this.#notes.set(server, notes);
  }

  /** Drops the notes of a server that was replaced by another one. */
  forget(server: string): void {
    this.#notes.delete(server);
  }

  /** The newest note from before the anchor was there. Null if there is none. */
  before(server: string, anchor: Anchor): Coordinates | null {
    if (anchor.kind === 'gtid') return this.beforeGtid(server, anchor.gtid);
    return beforeHint(this.#notes.get(server) ?? [], anchor.hint) ?? null;
  }

  /** The newest note from before the GTID's transaction was there. Null if there is none. */
  beforeGtid(server: string, gtid: string): Coordinates | null {
    return beforeGtid(this.#notes.get(server) ?? [], gtid) ?? null;
  }
}

/** The newest note from before the hint was delivered anywhere. */
function beforeHint(notes: readonly Note[], hint: Hint): Coordinates | undefined {
  return notes.findLast(({ hint: noted }) => noted !== null && (compareHints(noted, hint) ?? 0) < 0)
    ?.coordinates;
}

/**
 * The newest note whose coordinates are before the GTID. The coordinates were read after the set of the same note. So
 * the set of the next note must lack the GTID, too.
 */
function beforeGtid(notes: readonly Note[], gtid: string): Coordinates | undefined {
  const next = notes.findLastIndex(({ gtidSet }) => gtidSet !== '' && !GtidState.parse(gtidSet).has(gtid));
  return notes[next - 1]?.coordinates;
}
