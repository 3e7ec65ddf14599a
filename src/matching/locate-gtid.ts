import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { GtidState, Immaterial } from '../gtids/gtid-state.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { type GtidPlace, scanGtids } from './gtid-scan.js';
import type { ScanOptions } from './hint-scan.js';
import { LogHeads } from './log-heads.js';

/** The place of a GTID, and the cost of finding it. */
export type GtidLocation = GtidPlace & {
  readonly filesProbed: number;
  readonly bytesScanned: number;
};

export type LocateGtidOptions = ScanOptions & {
  /** A place before the GTIDs, by an earlier note. Reading begins there. A wrong one does no harm. */
  readonly startHere?: Coordinates | null;
};

/** Where to begin reading, and what was logged before. */
type Beginning = { readonly start: Coordinates; readonly before: GtidState };

/**
 * A server's binary log, in which places are looked for by GTID: its files as they were listed once, what was logged
 * before each of those that were looked at, and what that cost.
 */
export class GtidLog {
  readonly #files: readonly BinaryLog[];
  readonly #options: ScanOptions;
  readonly #reader: LogHeads;
  readonly #heads = new Map<number, GtidState | null>();
  #filesProbed = 0;
  #bytesScanned = 0;

  private constructor(files: readonly BinaryLog[], options: ScanOptions) {
    this.#files = files;
    this.#options = options;
    this.#reader = new LogHeads(options);
  }

  /** Lists the files. */
  static async open(options: ScanOptions): Promise<GtidLog> {
    return new GtidLog(
      await listBinaryLogs(options.instance, options.signal, options.connectTimeoutMs),
      options,
    );
  }

  /**
   * Finds the first of `wanted` (oldest first).
   *
   * With a note of a place before the GTIDs, reading begins there. A wrong note does no harm. Without one, it bisects
   * the files by what each says of those before it, and then reads one file. That is a guess: a file's head may lack
   * domains that were deleted, or have GTIDs that are in no file. So if the GTID isn't there, the next one is looked
   * for.
   *
   * @throws WaymarkError `purged` (all that are in the log's history are in files that are gone), `behind` (the server
   * has none of them yet), `not-found`; and what reading the log throws.
   */
  async locate(wanted: readonly string[], note: Coordinates | null): Promise<GtidLocation> {
    try {
      return await this.#locate(wanted, note);
    } finally {
      await this.#reader.close();
    }
  }

  async #locate(wanted: readonly string[], note: Coordinates | null): Promise<GtidLocation> {
    const found = (place: GtidPlace): GtidLocation => ({
      ...place,
      filesProbed: this.#filesProbed,
      bytesScanned: this.#bytesScanned,
    });
    const near = note === null ? null : await this.#fromNote(note, new Set(wanted));
    if (near !== null) return found(near);
    const first = await this.#at(0);
    if (first === null) throw noHeads(this.#options);
    const later = wanted.filter((gtid) => !first.has(gtid));
    let read: BinaryLog | null = null;
    for (const [index, gtid] of later.entries()) {
      const log = this.#files[(await this.#lastWhere((before) => !before.has(gtid))) ?? 0];
      if (log === undefined || log === read) continue;
      read = log;
      const start = { file: log.file, position: firstPosition };
      // Usually it is the first one that is found. The others are only in case that it isn't there.
      const rest = new Set(later.slice(index));
      const place = await this.#scan(start, rest, log === this.#files.at(-1) ? 'log' : 'file');
      if (place !== null) return found(place);
    }
    throw await this.#absence(wanted, later);
  }

  /**
   * Where to begin reading so that everything follows that `delivered` lacks, and nothing precedes that is among
   * `wanted`: at the beginning of a file.
   * @param own the server's own transactions, which are errant if it is a replica.
   * @param filesEarlier how many files earlier to begin, if there are so many.
   * @throws WaymarkError `purged` if even the first file is too late for what `delivered` lacks; and what reading the
   * log throws.
   */
  async startBefore(
    wanted: readonly string[],
    delivered: GtidState,
    own: Immaterial,
    filesEarlier: number,
  ): Promise<Beginning> {
    try {
      return await this.#startBefore(wanted, delivered, own, filesEarlier);
    } finally {
      await this.#reader.close();
    }
  }

  async #startBefore(
    wanted: readonly string[],
    delivered: GtidState,
    own: Immaterial,
    filesEarlier: number,
  ): Promise<Beginning> {
    const older = await this.#at(0);
    if (older === null) throw noHeads(this.#options);
    // A domain that was never read can't be had from before the first file.
    if (!delivered.includes(older, { ...own, older }))
      throw tooLate(this.#files[0]?.file ?? '', older, delivered, this.#options);
    const last = await this.#lastWhere(
      (before) => delivered.includes(before, { ...own, older }) && !wanted.some((gtid) => before.has(gtid)),
    );
    const index = Math.max((last ?? 0) - filesEarlier, 0);
    const log = this.#files[index];
    const before = await this.#at(index);
    if (log === undefined || before === null) throw noHeads(this.#options);
    return { start: { file: log.file, position: firstPosition }, before };
  }

  /** Reads from a noted place. Null if the note is useless for any reason. Then the full search is needed. */
  async #fromNote(start: Coordinates, wanted: ReadonlySet<string>): Promise<GtidPlace | null> {
    if (!this.#files.some(({ file, sizeBytes }) => file === start.file && start.position <= sizeBytes)) {
      return null;
    }
    try {
      return await this.#scan(start, wanted, 'log');
    } catch (error) {
      if (hasCode(error, 'coordinates') || hasCode(error, 'protocol')) return null;
      throw error;
    }
  }

  async #absence(wanted: readonly string[], later: readonly string[]): Promise<WaymarkError> {
    const server = formatAddress(this.#options.instance.address);
    const what = wanted.length === 1 ? `the GTID ${wanted[0] ?? ''}` : `any of ${wanted.length} GTIDs`;
    const [filesProbed, bytesScanned] = [this.#filesProbed, this.#bytesScanned];
    const details = { server, filesProbed, bytesScanned, newestGtid: wanted.at(-1) ?? null };
    if (later.length === 0) {
      const oldest = this.#files[0]?.file ?? '';
      return new WaymarkError(
        'purged',
        `${server} doesn't have ${what} any more: they came before ${oldest}, its oldest binary log`,
        { details },
      );
    }
    const last = await this.#at(this.#files.length - 1);
    const [first = ''] = later;
    const isBehind = last?.has(first) !== true;
    return new WaymarkError(
      isBehind ? 'behind' : 'not-found',
      isBehind
        ? `${server} doesn't have ${what} yet`
        : `${server} doesn't have ${what}, although its binary logs say that they had come. Was a domain deleted, or the ` +
            'GTID position set by hand?',
      { details },
    );
  }

  /** What was logged before the file with this index. Null if the file doesn't tell. */
  async #at(index: number): Promise<GtidState | null> {
    const known = this.#heads.get(index);
    if (known !== undefined) return known;
    const log = this.#files[index];
    if (log === undefined) return null;
    this.#filesProbed += 1;
    const head = await this.#reader.read(log.file);
    this.#heads.set(index, head);
    return head;
  }

  /**
   * The last file before which the condition holds, by bisection: what a log has only grows, so the condition must
   * hold before all files up to one. Null if it holds before none.
   */
  async #lastWhere(holds: (before: GtidState) => boolean): Promise<number | null> {
    let low = -1;
    let high = this.#files.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const before = await this.#at(middle);
      if (before !== null && holds(before)) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? null : low;
  }

  /** Reads from a place on, to the end of the file or of the log. Returns the place of the first of the GTIDs. */
  async #scan(
    start: Coordinates,
    wanted: ReadonlySet<string>,
    end: 'file' | 'log',
  ): Promise<GtidPlace | null> {
    const seen: { place: GtidPlace | null } = { place: null };
    this.#filesProbed += 1;
    const { bytesScanned } = await scanGtids(
      start,
      this.#options,
      (place) => {
        if (wanted.has(place.gtid)) seen.place = place;
        return seen.place !== null;
      },
      () => end === 'file',
    );
    this.#bytesScanned += bytesScanned;
    return seen.place;
  }
}

/** Finds the first of `wanted` in a server's binary log: see {@link GtidLog.locate}. */
export async function locateGtid(
  wanted: readonly string[],
  { startHere, ...options }: LocateGtidOptions,
): Promise<GtidLocation> {
  return (await GtidLog.open(options)).locate(wanted, startHere ?? null);
}

function tooLate(
  file: string,
  older: GtidState,
  delivered: GtidState,
  { instance }: ScanOptions,
): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'purged',
    `${server} had transactions before ${file}, its oldest binary log, that were not delivered. It had ` +
      `${older.toString()}, and delivered were ${delivered.toString()}`,
    { details: { server, file, had: older.toString(), delivered: delivered.toString() } },
  );
}

function noHeads({ instance }: ScanOptions): WaymarkError {
  const server = formatAddress(instance.address);
  return new WaymarkError(
    'not-found',
    `The binary logs of ${server} don't tell which GTIDs came before them, so no place can be found by GTID there`,
    { details: { server } },
  );
}
