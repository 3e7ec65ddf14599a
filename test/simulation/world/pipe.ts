import type { Draws } from './draws.js';
import type { Machine } from './machine.js';
import type { Appointment } from './world.js';

/** What goes over a connection: bytes, that it is accepted, that no more bytes come, or that it is reset. */
export type Segment =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

/** Who gets what comes out of a pipe. He tells the pipe when he has read bytes ({@link Pipe.taken}). */
export type Receiver = { arrive(segment: Segment): void };

/** The way from one machine to another, as it is now. */
export type Route = {
  readonly from: Machine;
  readonly to: Machine;
  /** Whether anything gets through. */
  isOpen(): boolean;
  /** How long the next segment takes: milliseconds. */
  delayMs(): number;
};

/** Bytes that are under way, or wait for the receiver to read them. */
const windowBytes = 64 * 1024;
/** After a way was closed, what was lost is sent again: in so many milliseconds, on average. */
const sentAgainMs = 200;

/**
 * One direction of a connection. Bytes come in their order, cut anywhere. What is sent while the way is closed comes when
 * it is open again. Who writes waits while the receiver doesn't read.
 */
export class Pipe {
  readonly #route: Route;
  readonly #draws: Draws;
  readonly #receiver: Receiver;
  /** What the receiver has no room for. */
  #waiting: { readonly bytes: Buffer; readonly accepted: () => void }[] = [];
  #underWay: { readonly segment: Segment; atMs: number }[] = [];
  #unread = 0;
  #next: Appointment | null = null;
  /** Whether something was lost on a way that was closed. */
  #stalled = false;
  #silent = false;

  constructor(route: Route, draws: Draws, receiver: Receiver) {
    this.#route = route;
    this.#draws = draws;
    this.#receiver = receiver;
  }

  /** @param accepted called when all of it is under way. */
  write(bytes: Buffer, accepted: () => void): void {
    // A copy: who wrote them may use the room again before they have come.
    this.#waiting.push({ bytes: Buffer.from(bytes), accepted });
    this.#flow();
  }

  /** Sends behind what is under way; what still waits is given up. */
  send(segment: Segment): void {
    this.#waiting = [];
    this.#put(segment);
  }

  /** Who sends knows nothing of the connection any more: what is lost is not sent again. */
  forget(): void {
    this.#waiting = [];
    this.#underWay = [];
    this.#next?.cancel();
    this.#next = null;
  }

  /** The receiver has read that many bytes. */
  taken(bytes: number): void {
    const { to, from } = this.#route;
    this.#unread -= bytes;
    if (this.#waiting.length === 0) return;
    to.world.after(this.#route.delayMs(), `${to.name} has room for ${from.name}`, () => {
      this.#flow();
    });
  }

  /** Nothing comes through any more, and nobody is told. */
  silence(): void {
    this.#silent = true;
  }

  /** The way may be open again. */
  opened(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    const [first] = this.#underWay;
    if (first !== undefined) first.atMs = this.#nowMs + this.#draws.exponential(sentAgainMs);
    this.#expect();
  }

  get #nowMs(): number {
    return this.#route.from.world.nowMs;
  }

  /** Sends what the receiver has room for. */
  #flow(): void {
    for (;;) {
      const [first] = this.#waiting;
      const room = windowBytes - this.#unread;
      if (first === undefined || room <= 0) return;
      this.#waiting.shift();
      const bytes = first.bytes.subarray(0, Math.min(this.#piece(first.bytes.length), room));
      const rest = first.bytes.subarray(bytes.length);
      this.#unread += bytes.length;
      if (bytes.length > 0) this.#put({ kind: 'bytes', bytes });
      if (rest.length > 0) this.#waiting.unshift({ bytes: rest, accepted: first.accepted });
      else first.accepted();
    }
  }

  /** How much of so many bytes comes at once: mostly all, else up to any of them. */
  #piece(bytes: number): number {
    return this.#draws.chance(0.75) ? bytes : this.#draws.integer(1, bytes);
  }

  #put(segment: Segment): void {
    if (segment.kind === 'reset' && this.#stalled) this.forget();
    else this.#underWay.push({ segment, atMs: this.#nowMs + this.#route.delayMs() });
    if (this.#next === null && !this.#stalled) this.#expect();
  }

  /** Has the first come at its time; those behind it never before it. */
  #expect(): void {
    const [first] = this.#underWay;
    if (first === undefined) return;
    const { from, to } = this.#route;
    const what = `${from.name} to ${to.name}: ${describe(first.segment)}`;
    this.#next = from.world.after(first.atMs - this.#nowMs, what, () => {
      this.#next = null;
      this.#come();
    });
  }

  #come(): void {
    if (this.#silent) return;
    if (!this.#route.isOpen()) {
      this.#stalled = true;
      // Who resets forgets the connection.
      if (this.#underWay.some(({ segment }) => segment.kind === 'reset')) this.forget();
      return;
    }
    const first = this.#underWay.shift();
    if (first !== undefined) this.#receiver.arrive(first.segment);
    this.#expect();
  }
}

function describe(segment: Segment): string {
  return segment.kind === 'bytes' ? `${String(segment.bytes.length)} bytes` : segment.kind;
}
