import ZongJi from '@vlasky/zongji';
import { headerBytes } from './event.js';
import type { ServerVersion } from '../mysql/version.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { ColumnDefinition } from './table-columns.js';
import { type RowImage, type SpecialColumn, specialColumns, toRowImage } from './row-values.js';

/** A row that changed, decoded. */
export type DecodedRow =
  | { readonly operation: 'insert'; readonly after: RowImage }
  | { readonly operation: 'delete'; readonly before: RowImage }
  | { readonly operation: 'update'; readonly before: RowImage; readonly after: RowImage };

/** A table map that doesn't name its columns: somebody has to say what they are before rows can be decoded. */
export type UndescribedTable = {
  readonly schema: string;
  readonly table: string;
  /** MySQL type codes, as in the event. */
  readonly columnTypes: readonly number[];
  readonly describe: (columns: readonly ColumnDefinition[]) => void;
};

/** What zongji takes for a packet of mysql2. */
type Packet = {
  readonly buffer: Buffer;
  offset: number;
  end: number;
  isEOF(): boolean;
  isError(): boolean;
};

/** zongji's command object: fed with packets, one event each. */
type DumpCommand = { execute(packet: Packet | null, connection: object): boolean };

type ZongjiTableMapEvent = {
  tableId: number;
  schemaName: string;
  tableName: string;
  columnTypes: number[];
};

type ZongjiCallback = (error: Error | null, rows?: unknown) => void;

/**
 * zongji with its connections taken away. It knows how to read row events; the dump stream, positions, checksums and
 * transactions are ours, so it gets packets from us and asks us for column definitions. Overrides methods that
 * zongji 0.9.0 calls on itself; the version is pinned, and test/integration/row-decoder.test.ts holds us to it.
 */
class PacketFedZongji extends ZongJi {
  command: DumpCommand | null = null;
  pending: { event: ZongjiTableMapEvent; next: () => void } | null = null;
  /** What zongji takes for its connection to the stream. */
  readonly stub: object;
  readonly #version: ServerVersion;

  constructor(version: ServerVersion) {
    super({});
    this.#version = version;
    this.stub = {
      // Every digit of temporal values, in UTC.
      config: { dateStrings: true, timezone: 'Z' },
      query: (_sql: string, done: ZongjiCallback) => {
        done(null);
      },
      addCommand: (command: DumpCommand) => {
        this.command = command;
      },
      writePacket: () => undefined,
      _resetSequenceId: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
  }

  _establishConnection(): void {
    const control = {
      // The only question it asks here is SELECT VERSION().
      query: (_sql: string, done: ZongjiCallback) => {
        done(null, [{ version: this.#version.text }]);
      },
    };
    Object.assign(this, { connection: this.stub, ctrlConnection: control });
  }

  /** Checksums are verified and cut off before an event comes here. */
  _isChecksumEnabled(next: (error: Error | null, enabled: boolean) => void): void {
    next(null, false);
  }

  _fetchTableInfo(event: ZongjiTableMapEvent, next: () => void): void {
    this.pending = { event, next };
  }
}

/** Decodes row events, through zongji. One decoder belongs to one stream: table ids mean something there alone. */
export class RowDecoder {
  readonly #zongji: PacketFedZongji;
  readonly #command: DumpCommand;
  #special = new Map<number, readonly SpecialColumn[]>();
  /** The last table map of each table id, as its bytes: the same one comes with every transaction. */
  #known = new Map<number, Buffer>();
  #rows: unknown = null;
  #error: unknown = null;

  private constructor(zongji: PacketFedZongji, command: DumpCommand) {
    this.#zongji = zongji;
    this.#command = command;
    zongji.on('binlog', (event: object) => {
      this.#rows = 'rows' in event ? event.rows : null;
    });
    zongji.on('error', (error: unknown) => {
      this.#error = error;
    });
    // The first call makes the command write its dump request, which goes nowhere.
    command.execute(null, zongji.stub);
  }

  static async create(version: ServerVersion): Promise<RowDecoder> {
    const zongji = new PacketFedZongji(version);
    await new Promise<void>((resolve, reject) => {
      zongji.once('ready', resolve);
      zongji.once('error', reject);
      zongji.start({ filename: 'none', position: 4 });
    });
    zongji.removeAllListeners();
    const command = zongji.command;
    if (command === null) throw new WaymarkError('protocol', 'zongji did not start');
    return new RowDecoder(zongji, command);
  }

  /** Forgets all tables: at the end of a log file, because a restarted server counts table ids anew. */
  reset(): void {
    this.#zongji.tableMap = {};
    this.#special.clear();
    this.#known.clear();
  }

  /** Takes a TABLE_MAP_EVENT. What it gives, if anything, has to be described before the table's rows come. */
  tableMap(buffer: Buffer, start: number, end: number): UndescribedTable | null {
    const body = buffer.subarray(start + headerBytes, end);
    const tableId = body.readUIntLE(0, 6);
    if (this.#known.get(tableId)?.equals(body)) return null;
    this.#known.delete(tableId);
    this.#special.delete(tableId);
    this.#zongji.pending = null;
    this.#feed(buffer, start, end);
    const { pending } = this.#zongji as { pending: PacketFedZongji['pending'] };
    const copy = Buffer.from(body);
    if (pending === null) {
      this.#known.set(tableId, copy);
      return null;
    }
    const { event, next } = pending;
    return {
      schema: event.schemaName,
      table: event.tableName,
      columnTypes: event.columnTypes,
      describe: (columns) => {
        this.#zongji.tableMap[event.tableId] = {
          columnSchemas: columns.map((column) => ({ ...column })),
          parentSchema: event.schemaName,
          tableName: event.tableName,
        };
        next();
        this.#throwError();
        this.#known.set(tableId, copy);
      },
    };
  }

  /** Decodes a row event whose table map has come. */
  rows(buffer: Buffer, start: number, end: number, tableId: number): DecodedRow[] {
    this.#rows = null;
    this.#feed(buffer, start, end);
    if (!Array.isArray(this.#rows)) {
      throw new WaymarkError('protocol', `A row event of table id ${tableId} could not be decoded`);
    }
    const special = this.#specialOf(tableId);
    return this.#rows.map((row: unknown) => decodedRow(row, special, buffer.readUInt8(start + 4)));
  }

  #specialOf(tableId: number): readonly SpecialColumn[] {
    let special = this.#special.get(tableId);
    if (special === undefined) {
      special = specialColumns(this.#zongji.tableMap[tableId]?.columns ?? []);
      this.#special.set(tableId, special);
    }
    return special;
  }

  #feed(buffer: Buffer, start: number, end: number): void {
    // zongji reads the status byte that stands before every event in the stream; inside a compressed transaction
    // there is none.
    const packet =
      start > 0
        ? packetOf(buffer, start - 1, end)
        : packetOf(Buffer.concat([Buffer.alloc(1), buffer.subarray(start, end)]), 0, end - start + 1);
    this.#error = null;
    this.#command.execute(packet, this.#zongji.stub);
    this.#throwError();
  }

  #throwError(): void {
    if (this.#error === null) return;
    const cause = this.#error;
    this.#error = null;
    throw new WaymarkError('protocol', `An event could not be decoded: ${messageOf(cause)}`, { cause });
  }
}

function packetOf(buffer: Buffer, offset: number, end: number): Packet {
  return { buffer, offset, end, isEOF: () => false, isError: () => false };
}

const updateTypes = new Set([24, 31, 167, 170]);
const deleteTypes = new Set([25, 32, 168, 171]);

function decodedRow(row: unknown, special: readonly SpecialColumn[], type: number): DecodedRow {
  if (typeof row !== 'object' || row === null)
    throw new WaymarkError('protocol', 'A row could not be decoded');
  if (updateTypes.has(type) && 'before' in row && 'after' in row) {
    return {
      operation: 'update',
      before: toRowImage(row.before, special),
      after: toRowImage(row.after, special),
    };
  }
  const image = toRowImage(row, special);
  return deleteTypes.has(type)
    ? { operation: 'delete', before: image }
    : { operation: 'insert', after: image };
}
