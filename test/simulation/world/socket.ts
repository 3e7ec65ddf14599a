import { Duplex } from 'node:stream';
import type { Pipe, Receiver, Segment } from './pipe.js';
import type { SimulatedProcess } from './process.js';
import { systemError } from './system-error.js';

/** The two directions of a connection, as one end has them. */
type Ways = { readonly out: Pipe; readonly in: Pipe };

/**
 * One end of a connection, as a process has it. What comes waits here, as in the system's buffer, until the process reads
 * it; a process that stands still doesn't.
 */
export class SimulatedSocket extends Duplex implements Receiver {
  readonly #process: SimulatedProcess;
  readonly #unwatch: () => void;
  #ways: Ways | null = null;
  #isConnected: boolean;
  /** What is to be done once it is connected. */
  #then: (() => void)[] = [];
  #arrived: Buffer[] = [];
  #hasEnded = false;
  #isWanted = false;
  #isTold = false;
  #isGone = false;

  /** @param isConnected whether it is the end of who was called. */
  constructor(process: SimulatedProcess, isConnected: boolean) {
    super({ allowHalfOpen: false });
    this.#process = process;
    this.#isConnected = isConnected;
    this.#unwatch = process.onEnd((how) => {
      this.#giveUp(how === 'killed');
    });
  }

  /** Whether the process has no part in it any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Joins it to the other end. */
  join(ways: Ways): void {
    this.#ways = ways;
  }

  /** Something has come to the machine. */
  arrive(segment: Segment): void {
    if (this.#isGone) {
      // Nobody knows of such a connection.
      if (segment.kind === 'bytes' || segment.kind === 'accepted') this.#ways?.out.send({ kind: 'reset' });
      return;
    }
    switch (segment.kind) {
      case 'accepted':
        this.#process.happen('arrival', 'is connected', () => {
          this.#connected();
        });
        return;
      case 'bytes':
        this.#arrived.push(segment.bytes);
        this.#tell();
        return;
      case 'end':
        this.#hasEnded = true;
        this.#tell();
        return;
      case 'reset':
        this.fail(systemError('ECONNRESET', 'read'));
    }
  }

  /** It can't go on, and its process is told. */
  fail(error: Error): void {
    this.#process.happen('arrival', error.message, () => {
      this.destroy(error);
    });
  }

  override _read(): void {
    this.#isWanted = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#whenConnected(() => {
      this.#ways?.out.write(chunk, () => {
        this.#process.happen('arrival', 'has room to send', done);
      });
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenConnected(() => {
      this.#ways?.out.send({ kind: 'end' });
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unwatch();
    this.#giveUp(true);
    done(error);
  }

  #whenConnected(action: () => void): void {
    if (this.#isConnected) action();
    else this.#then.push(action);
  }

  #connected(): void {
    this.#isConnected = true;
    this.emit('connect');
    for (const action of this.#then.splice(0)) action();
  }

  /** Has the process read what has come. */
  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#process.happen('arrival', 'has something to read', () => {
      this.#isTold = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (!this.#isWanted) return;
    if (this.#arrived.length > 0) {
      const arrived = this.#arrived.splice(0);
      const [only] = arrived;
      const bytes = only !== undefined && arrived.length === 1 ? only : Buffer.concat(arrived);
      this.#isWanted = false;
      this.#ways?.in.taken(bytes.length);
      this.push(bytes);
    } else if (this.#hasEnded) {
      this.#hasEnded = false;
      this.push(null);
    }
  }

  /** What the system does, as long as it has power: whoever leaves bytes unread resets, else it is the end. */
  #giveUp(hasPower: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const out = this.#ways?.out;
    if (!hasPower) out?.forget();
    else if (this.#arrived.length > 0) out?.send({ kind: 'reset' });
    else if (this.#isConnected && !this.writableFinished) out?.send({ kind: 'end' });
  }
}
