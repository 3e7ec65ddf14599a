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

/** Bytes of a group that are held in memory; what is larger goes to a file. One value of some megabytes isn't worth one. */
const memoryBytes = 12 * 1024 * 1024;

/** Bytes that are visited at once: some milliseconds of work for whoever decodes them. */
const visitBytes = 128 * 1024;

/**
 * Passes a log's events on, without what was rolled back: groups whose end decides over them are held until it has come
 * (see {@link mayBeRolledBack}; XA transactions, too, whose end says whether they are prepared or committed). What is
 * left of a group that was rolled back, or that the log doesn't end because its server crashed in it, is its first event
 * and its end: a transaction without content. What stands behind a savepoint that was rolled back to is cut out.
 *
 * @param server whose log it is, for errors.
 * @param whole hold every group to its end, also one that is sure to be committed: what is passed on is whole then,
 * whenever the server dies.
 * @throws WaymarkError `unsupported-event` when a statement is among what was rolled back: it may have changed tables of
 * an engine without transactions, and what of it happened can't be known; `protocol` for a log that makes no sense;
 * `spool`; and what the batches throw, behind what came before.
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

/** How much of a group stands before a place in it: events in the list, behind its first, and bytes in its file. */
type Mark = { readonly listed: number; readonly spooled: number; readonly statements: number };

/** A group whose end hasn't come yet. */
type Group = {
  /** Of its first event in the list. That one is never cut out nor put into the file. */
  at: number;
  readonly file: string;
  /** Where it begins in the log. */
  readonly position: number;
  /** Whether its end is a COMMIT; if not, one statement is all. */
  grouped: boolean;
  /** Bytes in the list. */
  bytes: number;
  /** Statements in it that may have changed something. */
  statements: number;
  savepoints: Savepoints<Mark> | null;
  spool: Spool | null;
};

/** What is visited next: events of the list, or a file's. */
type Segment = { readonly xid: string | null } & (
  { readonly from: number; readonly to: number } | { readonly spool: Spool; readonly file: string }
);

type Part = Pick<EventBatch, 'forEach' | 'visit' | 'complete'>;

/** Decides of each event whether it can be visited, and holds those that can't. */
class HeldGroups {
  readonly #events: EventList;
  readonly #spooled: EventList;
  #group: Group | null = null;
  /** Whether a GTID event has said that what follows is written only when it is committed. */
  #streams = false;
  #file = '';
  /** What can be visited, in order, but for the rest of the list from {@link #told} on. */
  #segments: Segment[] = [];
  #told = 0;
  /** Files of what was rolled back. */
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

  /** What can be visited now, in parts that take some milliseconds, with a turn of the event loop between them. */
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

  /** Puts what is held into a file, if it is too much for memory. Called when everything else has been visited. */
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

  /** Lets go of what is held. */
  async close(): Promise<void> {
    const spools = this.#segments.flatMap((segment) => ('spool' in segment ? [segment.spool] : []));
    if (this.#group?.spool) spools.push(this.#group.spool);
    await this.#letGo([...spools, ...this.#unused]);
  }

  async #letGo(spools: readonly Spool[]): Promise<void> {
    for (const spool of spools) await spool.close();
  }

  /** @param last whether it is the batch's last part, which comes even when there is nothing in it. */
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
        // What MariaDB says to be standalone is one statement.
        this.#streams =
          !mayBeRolledBack(buffer, start, end) && (!this.#whole || type === EventType.mariadbGtid);
        if (!this.#streams) this.#hold(place, type === EventType.mariadbGtid);
        return;
      case EventType.query:
      case EventType.mariadbQueryCompressed: {
        // Nearly always BEGIN: of what isn't held anyway, XA START alone matters.
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

  /** Cuts out what stands behind a savepoint, and the statement that takes it back. */
  #rollBackTo(group: Group, sql: string, place: EventPlace): void {
    const mark = group.savepoints?.rollBackTo(sql) ?? null;
    if (mark === null)
      throw unsupportedEvent(
        `${sql}, and it is not certain which savepoint before it is meant, if there is one`,
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

  /** Table ids and groups end with their file. One that has no end there is rolled back by whoever applies it. */
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
