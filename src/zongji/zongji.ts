import { EventEmitter } from 'node:events';
import type { Coordinates } from '../binlog/coordinates.js';
import {
  connectionOptions,
  type ConnectionOptions,
  instanceOf,
  type ZongJiDsn,
} from './connection-options.js';
import type { PoolHost } from './emitting-tail.js';
import { isNamed } from './named-event.js';
import type { AnyBinlogEvent } from './event-types.js';
import type { BinlogEvent } from './binlog-event.js';
import type { ControlConnection } from './control-connection.js';
import { type ExecutedGtids, requireGtids } from './executed-gtids.js';
import { type FilterOptions, Filters } from './filters.js';
import { GtidSet } from '../gtids/gtid-set.js';
import { MariadbGtidPosition } from './mariadb-gtid-position.js';
import type { ReadServer } from './host.js';
import { poolOptions } from './pool-options.js';
import { filterOptions, type ReaderOptions, readerOptions, type StartOptions } from './reader-options.js';
import { readServer, type SingleHost } from './single-server.js';
import type { TableMapEntries } from './table-events.js';
import { type ValueSettings, valueSettings } from './value-settings.js';
import { zongJiError } from './zongji-error.js';

/** What a program can listen to. */
export type ZongJiEvents = {
  /** The connections stand, and the log is asked for next. */
  ready: [];
  binlog: [event: AnyBinlogEvent];
  error: [error: Error];
  stopped: [];
};

function rethrow(error: unknown): never {
  throw error;
}

/** A connection to the server, by its id there. */
export type ConnectionId = { readonly threadId: number };

type Read = (host: SingleHost & PoolHost, signal: AbortSignal) => Promise<void>;

type Reading = { readonly stop: AbortController; ended: Promise<void> };

/** Reads the changes of a server, or of a pool of them, from its binary log, with the interface of @vlasky/zongji. */
export class ZongJi extends EventEmitter<ZongJiEvents> {
  /** For `const { default: ZongJi, GtidSet } = require('waymark/zongji')`. */
  static readonly default = this;
  static readonly GtidSet = GtidSet;
  static readonly MariadbGtidPosition = MariadbGtidPosition;
  /** The tables whose rows are read, by table id. */
  readonly tableMap: TableMapEntries = {};
  /** Whether the log is being read. */
  ready = false;
  stopped = false;
  /** Whether the server writes checksums. */
  useChecksum = false;
  serverVersion: string | undefined;
  isMariaDb = false;
  /** Where reading begins; while it goes on, `filename` and `position` say where it can begin again. */
  options: ReaderOptions = {};
  filters: FilterOptions = {};
  /** The connection that the log comes over. */
  connection: ConnectionId | null = null;
  /** The connection for questions; null where a pool is read. */
  ctrlConnection: ControlConnection | null = null;
  readonly #values: ValueSettings;
  readonly #read: Read;
  #filters = new Filters({});
  #reading: Reading | null = null;
  #paused: { readonly until: Promise<void>; readonly resume: () => void } | null = null;
  #gtid: string | undefined;
  #executed: ExecutedGtids | null = null;

  /**
   * @param dsn a URL, options of a connection as mysql2 takes them, or a connection or pool of mysql2's, whose options are
   *   used.
   * @throws WaymarkError `usage` for options that are not supported.
   */
  constructor(dsn: ZongJiDsn) {
    super();
    const options = connectionOptions(dsn);
    this.#values = valueSettings(options);
    this.#read = this.#readerOf(options);
  }

  #readerOf(options: ConnectionOptions): Read {
    const pool = poolOptions(options);
    if (pool === null) {
      const instance = instanceOf(options);
      return (host, signal) => readServer(instance, this.options, host, signal);
    }
    return async (host, signal) => {
      const config = pool.configOf(this.options);
      // Loaded late: what a pool takes awaits at its top level, which require() can't (content-digest.ts).
      const { readPool } = await import('./pool.js');
      await readPool(config, pool.logger, host, signal);
    };
  }

  /**
   * The transactions that the program has had, for `start({ gtidSet })`; undefined where it isn't known which came before
   * the beginning.
   */
  get gtidSet(): string | undefined {
    return this.#executed?.text;
  }

  /** The GTID of the transaction whose event is emitted at this moment. */
  get lastGtid(): string | undefined {
    return this.#gtid;
  }

  /** Begins to read. While it reads already, the filters alone are taken over. */
  start(options: StartOptions = {}): void {
    this._filters(options);
    if (this.#reading !== null && !this.stopped) return;
    this.options = readerOptions(options);
    this.#executed = null;
    const { gtidSet } = options;
    try {
      if (typeof gtidSet === 'string') requireGtids(gtidSet);
    } catch (error) {
      this.#fail(error, true);
      return;
    }
    this.stopped = false;
    const before = this.#reading?.ended ?? Promise.resolve();
    const reading: Reading = { stop: new AbortController(), ended: before };
    this.#reading = reading;
    reading.ended = before.then(() => this.#run(reading));
  }

  /** Ends reading; `stopped` is emitted when it has ended. */
  stop(): void {
    this.stopped = true;
    this.ready = false;
    this.connection = null;
    this.resume();
    if (this.#reading === null) this.emit('stopped');
    else this.#reading.stop.abort(new Error('stopped'));
  }

  /** Has no events emitted until {@link resume}; the server waits as long as its `net_write_timeout` allows. */
  pause(): void {
    if (this.#paused !== null) return;
    let resume = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      resume = resolve;
    });
    this.#paused = { until, resume };
  }

  /** Has events emitted again. */
  resume(): void {
    this.#paused?.resume();
    this.#paused = null;
  }

  /** An option of reading, or several. */
  get(name: string | readonly string[]): unknown {
    const value = (key: string): unknown => Reflect.get(this.options, key);
    return typeof name === 'string' ? value(name) : Object.fromEntries(name.map((key) => [key, value(key)]));
  }

  /** Changes the filters. */
  _filters(options: FilterOptions = {}): void {
    this.filters = filterOptions(options);
    this.#filters = new Filters(this.filters);
  }

  /** Whether events of that name are kept back. */
  _skipEvent(name: string): boolean {
    return this.#filters.skipsEvent(name);
  }

  /** Whether events of that table are kept back. */
  _skipSchema(schema: string, table: string): boolean {
    return this.#filters.skipsTable(schema, table);
  }

  async #run(reading: Reading): Promise<void> {
    const { signal } = reading.stop;
    try {
      signal.throwIfAborted();
      await this.#read(this.#hostOf(reading), signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(error, true);
    }
    if (this.#reading === reading) {
      this.#reading = null;
      this.ready = false;
      this.connection = null;
      this.ctrlConnection = null;
    }
    if (signal.aborted) this.#guard(() => this.emit('stopped'));
  }

  #hostOf(reading: Reading): SingleHost & PoolHost {
    const isOver = (): boolean => reading.stop.signal.aborted;
    return {
      isOver,
      values: this.#values,
      tableMap: this.tableMap,
      filters: () => this.#filters,
      paused: () => this.#paused?.until ?? null,
      controlled: (control) => {
        this.ctrlConnection = control;
      },
      connected: (server, threadId) => {
        if (!isOver()) this.#connected(server, threadId);
      },
      moved: (resume, executed) => {
        if (!isOver()) this.#moved(resume, executed);
      },
      emit: (event, gtid) => this.#give(event, gtid),
      error: (error) => {
        if (!isOver()) this.#fail(error, false);
      },
    };
  }

  #connected({ version, useChecksum }: ReadServer, threadId: number): void {
    this.serverVersion = version.text;
    this.isMariaDb = version.vendor === 'mariadb';
    this.useChecksum = useChecksum;
    this.connection = { threadId };
    if (this.ready) return;
    this.ready = true;
    this.#guard(() => this.emit('ready'));
  }

  #moved({ file, position }: Coordinates, executed: ExecutedGtids | null): void {
    this.#executed = executed;
    this.options.filename = file;
    this.options.position = position;
  }

  #give(event: BinlogEvent, gtid: string | undefined): readonly Promise<unknown>[] {
    if (!isNamed(event)) throw new RangeError(`no event of zongji's is called ${event.getTypeName()}`);
    event.gtid ??= gtid;
    this.#gtid = gtid;
    const pending: Promise<unknown>[] = [];
    for (const listener of this.rawListeners('binlog')) {
      this.#guard(() => {
        const listen: (event: AnyBinlogEvent) => unknown = listener;
        const result = listen.call(this, event);
        if (result instanceof Promise) pending.push(result);
      });
    }
    this.#gtid = undefined;
    return pending;
  }

  /** What a listener throws is nobody's but the program's: it comes out as if its own code had been called by nobody. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      process.nextTick(rethrow, error);
    }
  }

  /** An error that nobody listens to ends the program, as with every emitter. */
  #fail(error: unknown, fatal: boolean): void {
    process.nextTick(() => {
      this.emit('error', zongJiError(error, fatal));
    });
  }
}
