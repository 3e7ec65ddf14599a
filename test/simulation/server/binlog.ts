import { crc32 } from 'node:zlib';
import { type Coordinates, firstPosition } from '../../../src/binlog/coordinates.js';
import type { Vendor } from '../../../src/mysql/version.js';
import { type Draft, fileHead, formatDescription, frameBytes, headerFlags, rotate, stop } from './events.js';
import type { LoggedGtids } from './gtids.js';
import type { Transaction } from './transaction.js';

/** What every log file begins with. */
const magic = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);

/** What stands in an event's header beside its type and size. */
export type Stamp = {
  readonly serverId: number;
  readonly second: number;
  /** The stated end position. */
  readonly end: number;
};

/** Where an event's flags stand. The body follows. */
const flagsAt = 17;

/** An event's bytes: header, body, checksum. */
export function eventBytes({ type, body, flags = 0 }: Draft, { serverId, second, end }: Stamp): Buffer {
  const size = body.length + frameBytes;
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(second, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt32LE(serverId, 5);
  bytes.writeUInt32LE(size, 9);
  bytes.writeUInt32LE(end, 13);
  // The checksum is that of a closed file.
  bytes.writeUInt16LE(flags & ~headerFlags.inUse, flagsAt);
  bytes.set(body, flagsAt + 2);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), size - 4);
  bytes.writeUInt16LE(flags, flagsAt);
  return bytes;
}

/** An event in a file. Its bytes are made when somebody reads them: of most servers nobody does. */
export class LoggedEvent {
  readonly start: number;
  readonly size: number;
  readonly type: number;
  readonly #draft: Draft;
  readonly #stamp: Omit<Stamp, 'end'>;
  #bytes: Buffer | null = null;

  constructor(start: number, draft: Draft, stamp: Omit<Stamp, 'end'>) {
    this.start = start;
    this.size = draft.body.length + frameBytes;
    this.type = draft.type;
    this.#draft = draft;
    this.#stamp = stamp;
  }

  get bytes(): Buffer {
    this.#bytes ??= eventBytes(this.#draft, { ...this.#stamp, end: this.start + this.size });
    return this.#bytes;
  }

  /** The same, as a closed file has it. */
  get closed(): LoggedEvent {
    const { flags = 0 } = this.#draft;
    return new LoggedEvent(this.start, { ...this.#draft, flags: flags & ~headerFlags.inUse }, this.#stamp);
  }
}

/** A transaction in a file. */
export type LoggedGroup = {
  readonly transaction: Transaction;
  readonly start: number;
  readonly end: number;
  /** Of its first event among the file's. */
  readonly firstEvent: number;
};

/** A file of a binary log. */
export class BinlogFile {
  readonly name: string;
  /** In its log, from 1. */
  readonly number: number;
  readonly events: LoggedEvent[] = [];
  readonly groups: LoggedGroup[] = [];
  /** What the files before it have. */
  readonly gtidsBefore: LoggedGtids;
  #size = firstPosition;

  constructor(name: string, number: number, gtidsBefore: LoggedGtids) {
    this.name = name;
    this.number = number;
    this.gtidsBefore = gtidsBefore;
  }

  get size(): number {
    return this.#size;
  }

  /** Which of its events begins at a position; the number of events for its end; null where none begins. */
  eventAt(position: number): number | null {
    if (position === this.#size) return this.events.length;
    const index = this.events.findIndex(({ start }) => start === position);
    return index < 0 ? null : index;
  }

  append(draft: Draft, stamp: Omit<Stamp, 'end'>): void {
    const event = new LoggedEvent(this.#size, draft, stamp);
    this.events.push(event);
    this.#size += event.size;
  }

  /** Whoever closes a file says so in its first event. */
  close(): void {
    const [first] = this.events;
    if (first !== undefined) this.events[0] = first.closed;
  }

  /** Takes away events, and the groups that are not whole any more. */
  cut(events: number): void {
    const [first] = this.events.splice(events);
    if (first === undefined) return;
    this.#size = first.start;
    while ((this.groups.at(-1)?.end ?? 0) > this.#size) this.groups.pop();
  }

  /** All of it, as it stands on the disk. */
  get bytes(): Buffer {
    return Buffer.concat([magic, ...this.events.map(({ bytes }) => bytes)]);
  }
}

/** What of a log is its server's. */
export type BinlogOwner = {
  readonly vendor: Vendor;
  readonly version: string;
  readonly serverId: number;
  /** `mysql-bin`, say. */
  readonly base: string;
  readonly nowMs: () => number;
};

/** A server's binary log: its files, oldest first. */
export class Binlog {
  readonly #owner: BinlogOwner;
  #files: BinlogFile[] = [];
  #last = 0;
  readonly #listeners = new Set<() => void>();

  constructor(owner: BinlogOwner) {
    this.#owner = owner;
  }

  get files(): readonly BinlogFile[] {
    return this.#files;
  }

  /** The one that is written. */
  get current(): BinlogFile {
    const file = this.#files.at(-1);
    if (file === undefined) throw new Error('a log without a file');
    return file;
  }

  get end(): Coordinates {
    return { file: this.current.name, position: this.current.size };
  }

  file(name: string): BinlogFile | null {
    return this.#files.find((file) => file.name === name) ?? null;
  }

  /** The file behind one, which may have been purged while it was read; null where it is the last. */
  behind({ number }: BinlogFile): BinlogFile | null {
    return this.#files.find((file) => file.number > number) ?? null;
  }

  /** Begins the first file of a server that was started. What went before ends where it ends. */
  begin(gtids: LoggedGtids): void {
    this.#open(gtids, this.#second);
  }

  /** FLUSH BINARY LOGS, or a file that has become too large. */
  rotate(gtids: LoggedGtids): void {
    this.current.append(rotate(this.#nameOf(this.#last + 1), firstPosition), this.#stamp);
    this.current.close();
    this.#open(gtids, 0);
  }

  /** The server is shut down. */
  stop(): void {
    this.current.append(stop, this.#stamp);
    this.current.close();
    this.#grown();
  }

  /** The events of a transaction. All of them are there, or none. */
  append(transaction: Transaction, serverId: number, events: readonly Draft[]): LoggedGroup {
    const file = this.current;
    const [start, firstEvent] = [file.size, file.events.length];
    for (const event of events) file.append(event, { serverId, second: transaction.second });
    const group = { transaction, start, end: file.size, firstEvent };
    file.groups.push(group);
    this.#grown();
    return group;
  }

  /** PURGE BINARY LOGS TO a file: those before it are gone. */
  purgeTo(name: string): void {
    const index = this.#files.findIndex((file) => file.name === name);
    if (index > 0) this.#files = this.#files.slice(index);
  }

  /** Begins anew with the first file. */
  reset(gtids: LoggedGtids): void {
    this.#files = [];
    this.#last = 0;
    this.begin(gtids);
  }

  /** Calls back whenever something has been added, until the function that it gives is called. */
  onGrown(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #open(gtids: LoggedGtids, startedSecond: number): void {
    const { vendor, version } = this.#owner;
    const before = this.#files.at(-1)?.name;
    this.#last += 1;
    const file = new BinlogFile(this.#nameOf(this.#last), this.#last, gtids.copy());
    const checkpoints = [...(before === undefined ? [] : [before]), file.name];
    file.append(formatDescription(vendor, version, startedSecond), this.#stamp);
    for (const draft of fileHead(vendor, gtids.encode(), checkpoints)) file.append(draft, this.#stamp);
    this.#files.push(file);
    this.#grown();
  }

  #nameOf(number: number): string {
    return `${this.#owner.base}.${String(number).padStart(6, '0')}`;
  }

  get #second(): number {
    return Math.floor(this.#owner.nowMs() / 1000);
  }

  get #stamp(): Omit<Stamp, 'end'> {
    return { serverId: this.#owner.serverId, second: this.#second };
  }

  #grown(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
