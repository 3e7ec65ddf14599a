import type { Draws } from './draws.js';

/** What a disk writes in one step: bytes. */
const sectorBytes = 512;

type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'cut'; readonly size: number };

/** A file's content: as processes see it, and as the disk has it. */
export class FileContent {
  readonly #seen = new Bytes();
  readonly #kept = new Bytes();
  /** What the disk doesn't have yet. */
  #unsynced: Change[] = [];

  get size(): number {
    return this.#seen.size;
  }

  /** Copies what stands from a position on; how much. */
  read(position: number, target: Uint8Array): number {
    return this.#seen.read(position, target);
  }

  write(position: number, bytes: Uint8Array): void {
    this.#change({ kind: 'write', at: position, bytes: Buffer.from(bytes) });
  }

  /** Shortens it, or lengthens it with zero bytes. */
  cut(size: number): void {
    this.#change({ kind: 'cut', size });
  }

  /** The disk has all of it. */
  sync(): void {
    for (const change of this.#unsynced.splice(0)) this.#kept.apply(change);
  }

  /** The disk has refused: what it doesn't have counts as written from now on, and is never tried again. */
  refuse(): void {
    this.#unsynced = [];
  }

  /** Power is lost: what wasn't synced is on the disk, or isn't, or in part. */
  losePower(draws: Draws): void {
    const fate = draws.choice(['lost', 'kept', 'torn', 'scattered']);
    const changes = this.#unsynced.splice(0);
    if (fate === 'kept') for (const change of changes) this.#kept.apply(change);
    if (fate === 'torn') this.#keepBeginning(changes, draws);
    if (fate === 'scattered') for (const change of changes) this.#keepSome(change, draws);
    this.#seen.become(this.#kept);
  }

  #change(change: Change): void {
    this.#seen.apply(change);
    this.#unsynced.push(change);
  }

  /** Up to some byte. The file may have its later length, with zero bytes where nothing had come. */
  #keepBeginning(changes: readonly Change[], draws: Draws): void {
    const sizeBehind = this.#seen.size;
    const whole = draws.integer(0, changes.length);
    for (const change of changes.slice(0, whole)) this.#kept.apply(change);
    const torn = changes[whole];
    if (torn?.kind === 'write') {
      this.#kept.apply({ ...torn, bytes: torn.bytes.subarray(0, draws.integer(0, torn.bytes.length)) });
    }
    if (sizeBehind > this.#kept.size && draws.chance(0.5))
      this.#kept.apply({ kind: 'cut', size: sizeBehind });
  }

  /** Each sector has come to the disk, or it hasn't. */
  #keepSome(change: Change, draws: Draws): void {
    if (change.kind === 'cut') {
      if (draws.chance(0.5)) this.#kept.apply(change);
      return;
    }
    for (let from = 0; from < change.bytes.length;) {
      const toBoundary = sectorBytes - ((change.at + from) % sectorBytes);
      const bytes = change.bytes.subarray(from, from + toBoundary);
      if (draws.chance(0.5)) this.#kept.apply({ kind: 'write', at: change.at + from, bytes });
      from += bytes.length;
    }
  }
}

/** Bytes that grow. */
class Bytes {
  #room = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  read(position: number, target: Uint8Array): number {
    if (position >= this.#size) return 0;
    const end = Math.min(this.#size, position + target.length);
    return this.#room.copy(target, 0, position, end);
  }

  apply(change: Change): void {
    if (change.kind === 'cut') {
      this.#resize(change.size);
      return;
    }
    if (change.at + change.bytes.length > this.#size) this.#resize(change.at + change.bytes.length);
    this.#room.set(change.bytes, change.at);
  }

  become(other: Bytes): void {
    this.#room = Buffer.from(other.#room.subarray(0, other.#size));
    this.#size = other.#size;
  }

  #resize(size: number): void {
    if (size > this.#room.length) {
      const room = Buffer.alloc(Math.max(size, 2 * this.#room.length));
      room.set(this.#room.subarray(0, this.#size));
      this.#room = room;
    } else if (size < this.#size) this.#room.fill(0, size, this.#size);
    this.#size = size;
  }
}
