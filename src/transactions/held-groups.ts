import { turn } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { formatCoordinates } from '../binlog/coordinates.js';
import { EventList } from '../binlog/event-list.js';
import {
  type EventBatch,
  type EventPlace,
  EventType,
  eventType,
  type EventVisitor,
} from '../binlog/event.js';
import { mayBeRolledBack } from '../binlog/gtid-event.js';
import {
  readStatementBeginning,
  readXaPrepare,
  roleOfStatement,
  statementOffset,
} from '../binlog/query-event.js';
import { Savepoints } from './savepoints.js';
import { Spool } from './spool.js';
import { unsupportedEvent } from '../binlog/unsupported-event.js';

/**
 * The most bytes of a group that are held in memory. A larger group goes to a file. A single value of some
 * megabytes isn't worth a file.
 */
const memoryBytes = 12 * 1024 * 1024;

/** The bytes that are visited at once: some milliseconds of work for the decoder. */
const visitBytes = 128 * 1024;

/**
 * Passes on a log's events without what was rolled back.
 *
 * If a group's end decides whether it is committed, the group is held until its end (see {@link
 * mayBeRolledBack}). So are XA transactions, because the end says whether they are prepared or committed. If
 * a group was rolled back, or the server crashed within it, only its first event and its end remain: a
 * transaction without content. Events after a savepoint are cut out if the group was rolled back to the
 * savepoint.
 *
 * @param server whose log it is, for errors.
 * @param whole hold every group until its end, even if it is sure to be committed. Then everything passed on
 *   is whole, whenever the server dies.
 * @throws WaymarkError `unsupported-event` if a statement was rolled back: it may have changed tables of a
 *   non-transactional engine, and nobody knows how. `protocol` for an inconsistent log. `spool`. And errors
 *   of the batches, after the events before them.
 */
export async function* holdGroups(
  batches: AsyncIterable<EventBatch>,
  server: string,
  signal: AbortSignal,
  whole = false,
): AsyncGenerator<EventBatch, void, undefined> {
  const groups = new HeldGroups(server, whole);
  try {
    for await (const batch of batches) {
      let failure: { readonly error: unknown } | null = null;
      try {
        batch.forEach(groups.event);
      } catch (error) {
        failure = { error };
      }
      let { bytes } = batch;
      for await (const part of groups.parts()) {
        yield { ...part, bytes, end: batch.end, complete: part.complete && batch.complete, packed: false };
        bytes = 0;
        signal.throwIfAborted();
      }
      if (failure !== null) throw failure.error;
      await groups.spool();
    }
  } finally {
    await groups.close();
  }
}

/**
 * A place in a group: the events in the list before it, without the group's first event, and the bytes in the
 * file.
 */
type Mark = { readonly listed: number; readonly spooled: number; readonly statements: number };

/** A group that hasn't ended yet. */
type Group = {
  /** The index of its first event in the list. That event is never cut out, and never goes to the file. */
  at: number;
  readonly file: string;
  /** Where it begins in the log. */
  readonly position: number;
  /** Whether it ends with a COMMIT. If not, it is a single statement. */
  grouped: boolean;
  /** Its bytes in the list. */
  bytes: number;
  /** Statements in it that may have changed something. */
  statements: number;
  savepoints: Savepoints<Mark> | null;
  spool: Spool | null;
};

/** What to visit next: events of the list, or a file's events. */
type Segment = { readonly xid: string | null } & (
  { readonly from: number; readonly to: number } | { readonly spool: Spool; readonly file: string }
);

type Part = Pick<EventBatch, 'forEach' | 'visit' | 'complete'>;

/** Decides for each event whether it can be visited, and holds the others. */
class HeldGroups {
  readonly #events: EventList;
  readonly #spooled: EventList;
  #group: Group | null = null;
  /** Whether the present GTID event promises that the group is committed. */
  #streams = false;
  #file = '';
  /** What can be visited, in order. The list from {@link #told} on comes after it. */
  #segments: Segment[] = [];
  #told = 0;
  /** The files of groups that were rolled back. */
  #unused: Spool[] = [];

  readonly #whole: boolean;

  constructor(server: string, whole: boolean) {
    this.#whole = whole;
    this.#events = new EventList(server);
    this.#spooled = new EventList(server);
  }

  /** Takes the next event. */
  readonly event: EventVisitor = (buffer, start, end, place) => {
    const type = eventType(buffer, start);
    if (type === EventType.heartbeat || type === EventType.heartbeatV2) return;
    if (place.file !== this.#file) this.#nextFile(place);
    this.#events.push(buffer, start, end, place);
    if (this.#group === null) this.#outside(type, buffer, start, end, place);
    else this.#inside(this.#group, type, buffer, start, end, place);
  };

  /**
   * Yields what can be visited now. Each part takes some milliseconds. Between parts, the event loop gets a
   * turn.
   */
  async *parts(): AsyncGenerator<Part, void, undefined> {
    const kept = this.#group?.at ?? this.#events.length;
    const segments = this.#segments;
    for (let segment = segments[0]; segment !== undefined; segment = segments[0]) {
      yield* 'spool' in segment ? this.#readSpool(segment.spool, segment) : this.#list(segment);
      segments.shift();
    }
    yield* this.#list({ from: this.#told, to: kept, xid: null }, true);
    this.#events.remove(0, kept);
    this.#told = 0;
    if (this.#group !== null) this.#group.at = 0;
  }

  /** Moves a held group to a file if it is too large for memory. Call it after visiting everything else. */
  async spool(): Promise<void> {
    await this.#letGo(this.#unused.splice(0));
    const group = this.#group;
    if (group === null || group.bytes <= memoryBytes) return;
    group.spool ??= await Spool.open();
    const first = group.at + 1;
    group.savepoints?.change(({ listed, spooled, statements }) => ({
      listed: 0,
      spooled: spooled + Spool.bytesOf(this.#events, first, first + listed),
      statements,
    }));
    await group.spool.append(this.#events, first);
    this.#events.remove(first);
    group.bytes = 0;
  }

  /** Closes all files. */
  async close(): Promise<void> {
    const spools = this.#segments.flatMap((segment) => ('spool' in segment ? [segment.spool] : []));
    if (this.#group?.spool) spools.push(this.#group.spool);
    await this.#letGo([...spools, ...this.#unused]);
  }

  async #letGo(spools: readonly Spool[]): Promise<void> {
    for (const spool of spools) await spool.close();
  }

  /**
   * Yields events of the list.
   * @param last whether this is the batch's last segment. It yields a part even if there are no events.
   */
  async *#list(
    { from, to, xid }: { readonly from: number; readonly to: number; readonly xid: string | null },
    last = false,
  ): AsyncGenerator<Part, void, undefined> {
    let begin = from;
    do {
      if (begin === to && !last) return;
      if (begin > from) await turn();
      const part = { from: begin, to: begin };
      for (let bytes = 0; part.to < to && bytes < visitBytes; part.to += 1)
        bytes += this.#events.bytesOf(part.to);
      yield {
        complete: last && part.to === to && this.#group === null,
        ...this.#events.part(part.from, part.to, xid),
      };
      begin = part.to;
    } while (begin < to);
  }

  async *#readSpool(
    spool: Spool,
    { file, xid }: { readonly file: string; readonly xid: string | null },
  ): AsyncGenerator<Part, void, undefined> {
    for await (const events of spool.read(this.#spooled, file)) {
      yield { complete: false, ...events.part(0, events.length, xid) };
    }
    await spool.close();
  }

  #outside(type: number, buffer: Buffer, start: number, end: number, place: EventPlace): void {
    switch (type) {
      case EventType.mariadbGtid:
      case EventType.gtid:
      case EventType.anonymousGtid:
      case EventType.gtidTagged:
        // A group that MariaDB calls standalone is a single statement.
        this.#streams =
          !mayBeRolledBack(buffer, start, end) && (!this.#whole || type === EventType.mariadbGtid);
        if (!this.#streams) this.#hold(place, type === EventType.mariadbGtid);
        return;
      case EventType.query:
      case EventType.mariadbQueryCompressed: {
        // Nearly always BEGIN. If the group isn't held, only XA START matters.
        if (this.#streams && buffer[statementOffset(buffer, start, end)] !== letterX) return;
        const role = roleOfStatement(readStatementBeginning(buffer, start, end));
        if (role === 'xa-begin' || (role === 'begin' && !this.#streams)) this.#hold(place, true);
      }
    }
  }

  #hold({ file, start }: EventPlace, grouped: boolean): void {
    this.#group = {
      at: this.#events.length - 1,
      file,
      position: start,
      grouped,
      bytes: 0,
      statements: 0,
      savepoints: null,
      spool: null,
    };
  }

  #inside(group: Group, type: number, buffer: Buffer, start: number, end: number, place: EventPlace): void {
    group.bytes += end - start;
    switch (type) {
      case EventType.xid:
        this.#end(group, null);
        return;
      case EventType.xaPrepare:
        this.#end(group, readXaPrepare(buffer, start, end));
        return;
      case EventType.query:
      case EventType.mariadbQueryCompressed:
        this.#statement(group, readStatementBeginning(buffer, start, end), place);
        return;
      case EventType.executeLoadQuery:
        group.statements += 1;
        return;
      case EventType.mariadbGtid:
      case EventType.gtid:
      case EventType.anonymousGtid:
      case EventType.gtidTagged:
        throw new WaymarkError(
          'protocol',
          `The transaction that began at ${formatCoordinates(group)} has no end in the log`,
        );
    }
  }

  #statement(group: Group, sql: string, place: EventPlace): void {
    switch (roleOfStatement(sql)) {
      case 'begin':
      case 'xa-begin':
        group.grouped = true;
        return;
      case 'commit':
        this.#end(group, null);
        return;
      case 'rollback':
        this.#refuseStatements(group.statements, place);
        this.#events.remove(group.at + 1, this.#events.length - 1);
        if (group.spool !== null) this.#unused.push(group.spool);
        group.spool = null;
        this.#end(group, null);
        return;
      case 'savepoint':
        group.savepoints ??= new Savepoints();
        group.savepoints.set(sql, {
          listed: this.#events.length - group.at - 2,
          spooled: group.spool?.bytes ?? 0,
          statements: group.statements,
        });
        return;
      case 'rollback-to-savepoint':
        this.#rollBackTo(group, sql, place);
        return;
      case 'release-savepoint':
      case 'xa-end':
        return;
      case 'xa-outcome':
      case 'temporary-table':
        if (!group.grouped) this.#end(group, null);
        return;
      case 'content':
        group.statements += 1;
        if (!group.grouped) this.#end(group, null);
    }
  }

  /** Cuts out the events after a savepoint, and the statement that rolls back to it. */
  #rollBackTo(group: Group, sql: string, place: EventPlace): void {
    const mark = group.savepoints?.rollBackTo(sql) ?? null;
    if (mark === null)
      throw unsupportedEvent(
        `${sql}. It is not certain which savepoint that means, or whether there is one`,
        place,
      );
    this.#refuseStatements(group.statements - mark.statements, place);
    group.spool?.cut(mark.spooled);
    this.#events.remove(group.at + 1 + mark.listed);
  }

  #end({ at, file, spool }: Group, xid: string | null): void {
    this.#group = null;
    if (spool === null && xid === null) return;
    this.#segments.push({ from: this.#told, to: at, xid: null }, { from: at, to: at + 1, xid });
    if (spool !== null) this.#segments.push({ spool, file, xid });
    this.#told = this.#events.length;
    this.#segments.push({ from: at + 1, to: this.#told, xid });
  }

  /** Table ids and groups end with their file. Replicas roll back a group without an end. */
  #nextFile(place: EventPlace): void {
    const group = this.#group;
    this.#file = place.file;
    this.#streams = false;
    this.#group = null;
    if (group === null) return;
    if (group.spool !== null) this.#unused.push(group.spool);
    this.#refuseStatements(group.statements, place);
    this.#events.remove(group.at);
  }

  #refuseStatements(count: number, place: EventPlace): void {
    if (count === 0) return;
    throw unsupportedEvent(
      'a statement (binlog_format is not ROW in its session) in a group that was rolled back. It may have changed a table of ' +
        'an engine without transactions, and the log does not say how. Read from a replica instead',
      place,
    );
  }
}

const letterX = 0x58;
