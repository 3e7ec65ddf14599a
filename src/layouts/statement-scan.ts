import { formatAddress } from '../config/address.js';
import type { Vendor } from '../mysql/version.js';
import type { Instance } from '../mysql/instance.js';
import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { readDump } from '../binlog/dump-stream.js';
import { EventType, eventType, type EventVisitor } from '../binlog/event.js';
import { readMariadbGtid } from '../binlog/gtid-event.js';
import { readStatement } from '../binlog/query-event.js';
import type { TableName } from '../binlog/rows-event.js';
import { unpackEvents } from '../binlog/unpacked-events.js';
import { sleep } from '../util/async.js';
import { effectOf, type StatementEffect, tablesOf } from './ddl-statement.js';
import { keyOf } from './proved-layouts.js';

/** A log's end that the server has reported may be sent a moment later only: when it has been synced. */
const againMs = 50;

export type StatementScanOptions = {
  readonly instance: Instance;
  readonly vendor: Vendor;
  readonly signal: AbortSignal;
};

/**
 * Reads a server's log ahead of the stream, and remembers of each table and schema where the last statement stands that
 * can have changed it. What has been scanned once isn't scanned again.
 */
export class StatementScan {
  readonly #options: StatementScanOptions;
  #range: { readonly from: Coordinates; readonly to: Coordinates } | null = null;
  /** Lower case, because it depends on the server whether case counts. */
  readonly #tables = new Map<string, Coordinates>();
  readonly #schemas = new Map<string, Coordinates>();
  readonly #droppedSchemas = new Map<string, Coordinates>();
  #anything: Coordinates | null = null;

  constructor(options: StatementScanOptions) {
    this.#options = options;
  }

  /**
   * Reads what lies between two places, where it hasn't been read yet. Gives false where these are no places of one log.
   * @throws what readDump throws.
   */
  async reach(from: Coordinates, to: Coordinates): Promise<boolean> {
    if (compareCoordinates(from, to) === null) return false;
    const known = this.#range;
    if (known === null || !isBehind(from, known.from) || isBehind(from, known.to)) this.#begin(from);
    for (;;) {
      const { from: begun, to: reached } = this.#range ?? { from, to: from };
      if (!isBehind(to, reached) || same(to, reached)) return true;
      const next = await this.#read(reached, to);
      this.#range = { from: begun, to: next };
      if (isBehind(to, next) && !same(to, next)) await sleep(againMs, this.#options.signal);
    }
  }

  /** Whether a statement behind a place, as far as was read, can have changed a table. */
  touchesTable(name: TableName, behind: Coordinates): boolean {
    return [
      this.#anything,
      this.#tables.get(keyOf(name).toLowerCase()),
      this.#droppedSchemas.get(name.schema.toLowerCase()),
    ].some((place) => isLater(place, behind));
  }

  /** Whether a statement behind a place can have changed a schema's default character set. */
  touchesSchema(schema: string, behind: Coordinates): boolean {
    return [this.#anything, this.#schemas.get(schema.toLowerCase())].some((place) => isLater(place, behind));
  }

  #begin(from: Coordinates): void {
    this.#range = { from, to: from };
    this.#tables.clear();
    this.#schemas.clear();
    this.#droppedSchemas.clear();
    this.#anything = null;
  }

  /** Gives how far it has come: `to`, or the log's end before it. */
  async #read(start: Coordinates, to: Coordinates): Promise<Coordinates> {
    const { instance, signal, vendor } = this.#options;
    let isVoid = false;
    const event: EventVisitor = (buffer, at, end, { file, end: position }) => {
      const place = { file, position };
      if (isBehind(place, to) && !same(place, to)) return;
      const type = eventType(buffer, at);
      if (type === EventType.mariadbGtid) isVoid = readMariadbGtid(buffer, at, end).voidAlter;
      if (type !== EventType.query && type !== EventType.mariadbQueryCompressed) return;
      const statement = readStatement(buffer, at, end);
      if (isVoid || statement.sql === 'BEGIN' || statement.sql === 'COMMIT') return;
      this.#note(effectOf(statement, vendor), place);
    };
    const dump = readDump({ instance, signal, start, nonBlocking: true });
    let reached = start;
    for await (const batch of unpackEvents(dump, formatAddress(instance.address))) {
      batch.forEach(event);
      if (batch.complete) reached = batch.end;
      if (!isBehind(to, reached) || same(to, reached)) return to;
    }
    return reached;
  }

  #note(effect: StatementEffect, place: Coordinates): void {
    switch (effect.kind) {
      case 'anything':
        this.#anything = place;
        return;
      case 'schema-dropped':
        this.#droppedSchemas.set(effect.schema.toLowerCase(), place);
        this.#schemas.set(effect.schema.toLowerCase(), place);
        return;
      case 'schema-changed':
        this.#schemas.set(effect.schema.toLowerCase(), place);
        return;
      case 'tables':
        for (const table of effect.changes.flatMap(tablesOf)) {
          this.#tables.set(keyOf(table).toLowerCase(), place);
        }
    }
  }
}

/** Whether a place is at another one or behind it; places that can't be compared aren't. */
function isBehind(place: Coordinates, other: Coordinates): boolean {
  return (compareCoordinates(place, other) ?? -1) >= 0;
}

function same(one: Coordinates, other: Coordinates): boolean {
  return one.file === other.file && one.position === other.position;
}

function isLater(place: Coordinates | null | undefined, behind: Coordinates): boolean {
  if (place === null || place === undefined) return false;
  return (compareCoordinates(place, behind) ?? 1) > 0;
}
