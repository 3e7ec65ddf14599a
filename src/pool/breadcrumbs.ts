import type { Coordinates } from '../binlog/coordinates.js';
import { compareHints, type Hint } from '../hints/hint.js';
import { monotonicMs } from '../util/clock.js';
import type { Member } from './members.js';

/** Where a member's log ended when that hint was the last one delivered. */
type Note = { readonly coordinates: Coordinates; readonly hint: Hint | null; readonly atMs: number };

const intervalMs = 3000;

/** Notes kept for each member: an hour's. */
const keptNotes = 1200;

/**
 * Notes of where the members' logs ended. After a failure, reading begins shortly before the hint instead of at a
 * file's beginning. A note is a guess. The hints show whether it was early enough.
 */
export class Breadcrumbs {
  readonly #notes = new Map<string, Note[]>();

  /** Takes a note, unless there is one from a moment ago. `hint`: the last one delivered before the log's end was asked for. */
  note(server: string, coordinates: Coordinates, hint: Hint | null): void {
    const notes = this.#notes.get(server) ?? [];
    const atMs = monotonicMs();
    if (atMs - (notes.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) < intervalMs) return;
    notes.push({ coordinates, hint, atMs });
    if (notes.length > keptNotes) notes.shift();
    this.#notes.set(server, notes);
  }

  /** Drops the notes of a server that was replaced by another one. */
  forget(server: string): void {
    this.#notes.delete(server);
  }

  /** The newest note from before the hint was delivered anywhere. Null if there is none. */
  before(member: Member, hint: Hint): Coordinates | null {
    const notes = this.#notes.get(member.name) ?? [];
    const note = notes.findLast(({ hint: noted }) => noted !== null && (compareHints(noted, hint) ?? 0) < 0);
    return note?.coordinates ?? null;
  }
}
