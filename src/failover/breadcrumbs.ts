import type { Connection } from 'mysql2/promise';
import type { Coordinates } from '../binlog/coordinates.js';
import { compareHints, type Hint } from '../hints/hint.js';
import { connect, discard } from '../mysql/connection.js';
import { readBinaryLogEnd, readServerFacts, type ServerFacts } from '../mysql/server.js';
import { sleep, withDeadline } from '../util/async.js';
import type { Member } from './pool.js';

/** Where a member's log ended when we had last delivered that hint. */
type Note = { readonly coordinates: Coordinates; readonly hint: Hint | null };

const intervalMs = 3000;
const timeoutMs = 2000;

/** Notes kept for each member: an hour's. */
const keptNotes = 1200;

/**
 * Notes every few seconds where the members' logs end, so that after a failure reading begins megabytes before the
 * hint instead of at a file's beginning. A note is a guess: whoever reads from it sees by the hints whether it was
 * early enough.
 */
export class Breadcrumbs {
  readonly #lastHint: () => Hint | null;
  readonly #notes = new Map<string, Note[]>();

  constructor(lastHint: () => Hint | null) {
    this.#lastHint = lastHint;
  }

  /** Takes notes of all members until the signal fires. One that doesn't answer is passed over. Never rejects. */
  async run(members: readonly Member[], signal: AbortSignal): Promise<void> {
    await Promise.allSettled(members.map((member) => this.#follow(member, signal)));
  }

  /** The newest note that was taken before the hint had been delivered anywhere; null when there is none. */
  before(member: Member, hint: Hint): Coordinates | null {
    const notes = this.#notes.get(member.name) ?? [];
    const note = notes.findLast(({ hint: noted }) => noted !== null && (compareHints(noted, hint) ?? 0) < 0);
    return note?.coordinates ?? null;
  }

  async #follow(member: Member, signal: AbortSignal): Promise<void> {
    let open: { connection: Connection; facts: ServerFacts } | null = null;
    try {
      while (!signal.aborted) {
        try {
          open ??= await openTo(member, signal);
          await this.#note(member, open);
        } catch {
          // Whether a member lives is for the diagnosis to say, when it matters.
          if (open) discard(open.connection);
          open = null;
        }
        await sleep(intervalMs, signal);
      }
    } finally {
      if (open) discard(open.connection);
    }
  }

  async #note(
    member: Member,
    { connection, facts }: { connection: Connection; facts: ServerFacts },
  ): Promise<void> {
    const hint = this.#lastHint();
    const coordinates = await withDeadline(readBinaryLogEnd(connection, facts.version), timeoutMs, late);
    if (coordinates === null) return;
    const notes = this.#notes.get(member.name) ?? [];
    notes.push({ coordinates, hint });
    if (notes.length > keptNotes) notes.shift();
    this.#notes.set(member.name, notes);
  }
}

async function openTo(
  member: Member,
  signal: AbortSignal,
): Promise<{ connection: Connection; facts: ServerFacts }> {
  const connection = await connect(member.instance, { signal, connectTimeoutMs: timeoutMs });
  try {
    return {
      connection,
      facts: await withDeadline(readServerFacts(connection, member.instance.kind), timeoutMs, late),
    };
  } catch (error) {
    discard(connection);
    throw error;
  }
}

function late(): Error {
  return new Error('no answer in time');
}
