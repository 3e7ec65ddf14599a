import type { Logger } from 'pino';
import { compareCoordinates, type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { LoggedStatement } from '../binlog/query-event.js';
import type { TableName } from '../binlog/rows-event.js';
import { formatAddress } from '../config/address.js';
import type { UndescribedTable } from '../decode/row-decoder.js';
import type { Pulse } from '../dump/pulse.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import type { ServerVersion } from '../mysql/version.js';
import { monotonicMs } from '../util/clock.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { effectOf } from './ddl-statement.js';
import { fit } from './fitting.js';
import { keyOf, type ProvedLayouts, type ProvedTable } from './proved-layouts.js';
import { StatementScan } from './statement-scan.js';
import { leavesToSchema, readsAlike, sameKey, type TableDefinition } from './table-definition.js';
import { locked, type LookUp, lookUp, prepareForLookUps } from './table-look-up.js';

const lookUpLimitMs = 5000;

export type LayoutSourceOptions = {
  readonly instance: Instance;
  readonly version: ServerVersion;
  /** What is known already. It is updated while the log is read. */
  readonly layouts: ProvedLayouts;
  readonly unprovedNames: 'halt' | 'number';
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Shows that the server is waited for while it is asked. */
  readonly pulse?: Pulse;
};

/** The description of a table, or why there is none. */
type Verdict = { readonly definition: TableDefinition } | { readonly unproved: string };

/**
 * Supplies what the log lacks about columns: their names (`binlog_row_metadata` other than FULL), or their
 * real type on MariaDB. Only what is proved for the row's place counts: a definition that was carried there
 * through the statements of the log, or the dictionary's, if no later statement can have changed it.
 *
 * Look-ups use one connection, opened when first needed. It may be idle for hours. If the server has closed
 * it meanwhile (`wait_timeout`, KILL), it is reopened, once for each look-up.
 */
export class LayoutSource {
  readonly #options: LayoutSourceOptions;
  readonly #server: string;
  readonly #scan: StatementScan;
  /** Where the transaction of the last table map begins. */
  #start: Coordinates = { file: '', position: 0 };
  #connection: ServerConnection | null = null;
  /**
   * The table id with which a table was last compared with the dictionary. The same id means the same
   * definition.
   */
  readonly #held = new Map<string, number>();
  /**
   * Tables whose definition has changed without a statement in the log, and the place on this server up to
   * which nothing about them is proved.
   */
  readonly #disputed = new Map<string, Coordinates>();
  /**
   * The same for tables where only the primary key has changed like this. Up to that place the key isn't
   * shown.
   */
  readonly #disputedKeys = new Map<string, Coordinates>();
  readonly #numbered = new Set<string>();

  constructor(options: LayoutSourceOptions) {
    const { instance, version, signal } = options;
    this.#options = options;
    this.#server = formatAddress(instance.address);
    this.#scan = new StatementScan({ instance, vendor: version.vendor, signal });
  }

  /**
   * A dump begins. Statements up to this version of the layouts have been delivered, and later ones come
   * again. Table ids may refer to other tables than before.
   */
  begin(version: number): void {
    this.#options.layouts.rewind(version);
    this.#held.clear();
  }

  /** Of the layouts where the stream has been read to. */
  get layoutVersion(): number {
    return this.#options.layouts.version;
  }

  /**
   * Describes a table to the decoder. Returns a promise if it must ask the server.
   * @param place after the table map, by the stream's own count. Inside a transaction MariaDB 11.8 states no
   * positions and leaves out annotations, so a dump can't begin there.
   * @param start where its transaction begins. The log can be read from there.
   * @throws WaymarkError `unsupported-event` if nothing is proved, unless columns are numbered then; those
   * of askServer and readDump, when the server is lost at it.
   */
  tableMap(undescribed: UndescribedTable, place: Coordinates, start: Coordinates): Promise<void> | null {
    this.#start = start;
    const { layout } = undescribed;
    const key = keyOf(layout);
    this.#options.layouts.isNeeded = true;
    const proved = this.#options.layouts.of(layout);
    if (proved !== null && this.#held.get(key) === layout.tableId) {
      const fitting = fit(layout, proved.definition);
      if (fitting.fits) {
        undescribed.describe(fitting.table);
        return null;
      }
    }
    return this.#prove(undescribed, place);
  }

  /**
   * A statement of the log was executed. Returns whether it can have changed a table. Then later table maps
   * are described anew.
   * @param isOwn whether it is part of the stream's history. Otherwise it may exist on this server only.
   */
  statement(statement: LoggedStatement, isOwn = true): boolean {
    const { layouts, version } = this.#options;
    const changed = layouts.statement(effectOf(statement, version.vendor), isOwn);
    if (changed) this.#held.clear();
    return changed;
  }

  close(): void {
    this.#connection?.discard();
    this.#connection = null;
  }

  async #prove(undescribed: UndescribedTable, place: Coordinates): Promise<void> {
    const { layout, describe } = undescribed;
    const verdict = await this.#verdict(undescribed, place);
    if ('definition' in verdict) {
      const fitting = fit(layout, verdict.definition);
      if (fitting.fits) {
        const isKept = this.#options.layouts.of(layout)?.definition === verdict.definition;
        if (isKept) this.#held.set(keyOf(layout), layout.tableId);
        describe(fitting.table);
        return;
      }
      this.#unproved(undescribed, place, fitting.reason);
    } else this.#unproved(undescribed, place, verdict.unproved);
    describe(null);
  }

  async #verdict({ layout }: UndescribedTable, place: Coordinates): Promise<Verdict> {
    const { layouts, version } = this.#options;
    if (version.binlogServer === true) {
      const known = layouts.of(layout);
      return known ?? { unproved: 'a binlog server has no dictionary to ask' };
    }
    const answer = await this.#lookUp(layout);
    const { table } = answer;
    const proved = await this.#provedWithCharsets(layout, place, answer);
    if (proved !== null && fit(layout, proved.definition).fits) {
      const { definition } = proved;
      if ('columns' in table && readsAlike(table.columns, definition.columns)) {
        return { definition: await this.#withKey(layout, place, answer, { definition, table }) };
      }
      // A table that the account can't see doesn't disprove what the log says.
      if ('missing' in table && table.isHidden) return { definition };
      if (await this.#isTouched(layout, place, answer)) return { definition };
    } else {
      if ('missing' in table) return { unproved: table.missing };
      if (await this.#isTouched(layout, place, answer)) return { unproved: changedSince };
      if (proved === null || proved.carried) return this.#learn(layout, table);
    }
    return this.#dispute(layout, place, answer);
  }

  /**
   * A definition that the dictionary confirms, perhaps except the primary key. The key affects no values. If
   * it isn't proved, it isn't shown. The definition's own lengths stay, because the dictionary's may be
   * newer.
   */
  async #withKey(
    layout: UndescribedTable['layout'],
    place: Coordinates,
    answer: LookUp,
    { definition, table }: { readonly definition: TableDefinition; readonly table: TableDefinition },
  ): Promise<TableDefinition> {
    const { layouts } = this.#options;
    const key = keyOf(layout);
    if (sameKey(definition.key, table.key) || (await this.#isTouched(layout, place, answer))) {
      layouts.keep(layout, definition);
      return definition;
    }
    // Without a statement (sql_log_bin=0) it has changed somewhere before the look-up.
    const until = this.#disputedKeys.get(key);
    if (definition.key !== null && !isBehind(place, until)) {
      this.#disputedKeys.set(key, until ?? answer.after);
      return { ...definition, key: null };
    }
    this.#disputedKeys.delete(key);
    const known = { ...definition, key: table.key };
    layouts.keep(layout, known);
    return known;
  }

  /** The dictionary's definition holds at the stream's place if it fits the table map. */
  #learn(layout: UndescribedTable['layout'], table: TableDefinition): Verdict {
    const fitting = fit(layout, table);
    if (!fitting.fits) return { unproved: fitting.reason };
    this.#options.layouts.keep(layout, table);
    return { definition: table };
  }

  /**
   * The definition has changed since it was last seen, without a statement in the log (`sql_log_bin=0`,
   * Galera's RSU). Nobody can know where it changed. So nothing is proved before the look-up.
   */
  #dispute(layout: UndescribedTable['layout'], place: Coordinates, { after, table }: LookUp): Verdict {
    const key = keyOf(layout);
    const until = this.#disputed.get(key);
    if (isBehind(place, until) && 'columns' in table) {
      this.#disputed.delete(key);
      return this.#learn(layout, table);
    }
    this.#disputed.set(key, until ?? after);
    return {
      unproved: 'it was changed without a statement in the log (sql_log_bin=0, or wsrep_OSU_method=RSU)',
    };
  }

  /** The proved definition of a table, with its schema's default character set if it inherits that. */
  async #provedWithCharsets(
    name: TableName,
    place: Coordinates,
    answer: LookUp,
  ): Promise<ProvedTable | null> {
    const { layouts } = this.#options;
    const proved = layouts.of(name);
    if (proved === null || !leavesToSchema(proved.definition)) return proved;
    await this.#reach(name.schema, place, answer);
    return layouts.of(name);
  }

  /** Whether a statement between the row and the look-up can have changed the table. */
  async #isTouched(name: TableName, place: Coordinates, answer: LookUp): Promise<boolean> {
    return !(await this.#reach(name.schema, place, answer)) || this.#scan.touchesTable(name, place);
  }

  /** Reads the log up to the look-up, and so learns what that says of the schema. */
  async #reach(schema: string, place: Coordinates, { after, schemaCharset }: LookUp): Promise<boolean> {
    if (!(await this.#scan.reach(this.#start, after))) return false;
    if (schemaCharset !== null && !this.#scan.touchesSchema(schema, place)) {
      this.#options.layouts.keepSchema(schema, schemaCharset);
    }
    return true;
  }

  #unproved({ layout, missing }: UndescribedTable, place: Coordinates, reason: string): void {
    const { schema, table } = layout;
    const { unprovedNames, logger } = this.#options;
    // With names in the log, values are given as the log has them.
    if (missing === 'types') return;
    const where = formatCoordinates(place);
    if (unprovedNames === 'halt') {
      throw new WaymarkError(
        'unsupported-event',
        `The columns of ${schema}.${table} before ${where} on ${this.#server} can't be named for certain: ${reason}. ` +
          'The log has no names. Run SET GLOBAL binlog_row_metadata = FULL on the servers, and set it in their option ' +
          'files. To read what was logged before that, set unprovedNames: number, which calls columns @1, @2, …',
        { details: { server: this.#server, table: `${schema}.${table}`, ...place } },
      );
    }
    const said = `${schema}.${table} ${reason}`;
    if (this.#numbered.has(said)) return;
    if (this.#numbered.size >= mostSaid) this.#numbered.clear();
    this.#numbered.add(said);
    logger.warn(
      { event: 'columns.unknown', schema, table, reason, ...place },
      `Columns of ${schema}.${table} are called @1, @2, … at ${where}: ${reason}. ` +
        'Set binlog_row_metadata=FULL on the servers',
    );
  }

  async #lookUp(name: TableName): Promise<LookUp> {
    for (;;) {
      const answer = await this.#askTwice(name);
      if (answer !== locked) return answer;
      const { logger } = this.#options;
      logger.info(
        { event: 'columns.locked', ...name },
        `The definition of ${name.schema}.${name.table} is locked on ${this.#server}; waiting for it`,
      );
    }
  }

  async #askTwice(name: TableName): Promise<LookUp | typeof locked> {
    const wasOpen = this.#connection !== null;
    try {
      return await this.#ask(name);
    } catch (error) {
      this.close();
      if (!wasOpen || !hasCode(error, 'stream-broken')) throw error;
    }
    return this.#ask(name);
  }

  async #ask(name: TableName): Promise<LookUp | typeof locked> {
    const { instance, signal, version, pulse } = this.#options;
    const isNew = this.#connection === null;
    if (pulse !== undefined) pulse.askingSinceMs = monotonicMs();
    try {
      const connection = (this.#connection ??= await connect(instance, { signal }));
      const purpose = `tell the columns of ${name.schema}.${name.table}`;
      return await askOver(connection, { purpose, signal, limitMs: lookUpLimitMs }, async () => {
        if (isNew) await prepareForLookUps(connection, version);
        return lookUp(connection, version, name);
      });
    } finally {
      if (pulse !== undefined) pulse.askingSinceMs = null;
    }
  }
}

function isBehind(place: Coordinates, other: Coordinates | undefined): boolean {
  return other !== undefined && (compareCoordinates(place, other) ?? 0) > 0;
}

/** How many tables are remembered as already logged. */
const mostSaid = 10_000;

const changedSince =
  'a later statement may have changed the table, and its definition before that is not known';
