import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import type { TableName } from '../binlog/rows-event.js';
import type { Instance } from '../mysql/instance.js';
import type { Vendor } from '../mysql/version.js';
import { effectOf, type StatementEffect, tablesOf } from './ddl-statement.js';
import { keyOf } from './proved-layouts.js';
import { readStatements } from './read-statements.js';

export type StatementScanOptions = {
  readonly instance: Instance;
  readonly vendor: Vendor;
  readonly signal: AbortSignal;
};

/**
 * Scans a server's log ahead of the stream. It remembers for each table and schema the place of the last
 * statement that can have changed it. No part of the log is scanned twice.
 */
export class StatementScan {
  readonly #options: StatementScanOptions;
  #range: { readonly from: Coordinates; readonly to: Coordinates } | null = null;
  /** In lower case, because case sensitivity depends on the server. */
  readonly #tables = new Map<string, Coordinates>();
  readonly #schemas = new Map<string, Coordinates>();
  readonly #droppedSchemas = new Map<string, Coordinates>();
  #anything: Coordinates | null = null;

  constructor(options: StatementScanOptions) {
    this.#options = options;
  }

  /**
   * Scans between two places, unless that was done before. Returns false if they aren't places of one log.
   * @throws what readDump throws.
   */
  async reach(from: Coordinates, to: Coordinates): Promise<boolean> {
    if (compareCoordinates(from, to) === null) return false;
    const known = this.#range;
    if (known === null || isBefore(from, known.from) || isBefore(known.to, from)) this.#begin(from);
    const { from: begun, to: reached } = this.#range ?? { from, to: from };
    if (!isBefore(reached, to)) return true;
    const { vendor } = this.#options;
    await readStatements(this.#options, reached, to, ({ statement, behind }) => {
      this.#note(effectOf(statement, vendor), behind);
    });
    this.#range = { from: begun, to };
    return true;
  }

  /** Whether a statement after a place, as far as was read, can have changed a table. */
  touchesTable(name: TableName, behind: Coordinates): boolean {
    return [
      this.#anything,
      this.#tables.get(keyOf(name).toLowerCase()),
      this.#droppedSchemas.get(name.schema.toLowerCase()),
    ].some((place) => isLater(place, behind));
  }

  /** Whether a statement after a place can have changed a schema's default character set. */
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

/** Places that can't be compared count as before each other. */
function isBefore(place: Coordinates, other: Coordinates): boolean {
  return (compareCoordinates(place, other) ?? -1) < 0;
}

function isLater(place: Coordinates | null | undefined, behind: Coordinates): boolean {
  if (place === null || place === undefined) return false;
  return (compareCoordinates(place, behind) ?? 1) > 0;
}
