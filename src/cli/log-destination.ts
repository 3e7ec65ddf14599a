import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { hasSystemCode, messageOf } from '../util/errors.js';
import { printable } from '../util/printable.js';

/** Lines that wait for a reader who doesn't keep up; beyond it they are dropped: bytes. */
const waitingLimitBytes = 1024 * 1024;
/** How soon what waits is tried again. */
const retryMs = 50;
/** How long the end of the process waits for a slow reader. */
const farewellMs = 500;

/**
 * Where the log goes: a file descriptor, written at once, so that the last line of a process that dies is there. A
 * reader of a pipe that doesn't keep up, or a disk that is full, holds up nobody and ends nothing: lines are dropped, counted,
 * and reported in the log itself (`log.dropped`) as soon as it can be written again.
 */
export class LogDestination {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #reason = '';
  /** Whether the last line stands there in part: the next one begins a new line. */
  #cutOff = false;
  /** Whether what waits will be tried again. */
  #tried = false;

  constructor(fd: number) {
    this.#fd = withoutWaiting(fd);
  }

  /** Takes one line with its line break. Never throws, and never waits. */
  write(line: string): void {
    if (this.#dropped > 0) this.#report();
    // What JSON leaves as it is may command the terminal of whoever looks on.
    const bytes = Buffer.from(printable(line));
    if (this.#dropped > 0 || this.#waitingBytes + bytes.length > waitingLimitBytes) this.#drop('');
    else this.#take(bytes);
  }

  /** Waits a moment for what has not been taken yet. pino calls it at a fatal error; the program at its end. */
  flushSync(): void {
    const until = performance.now() + farewellMs;
    while (this.#waiting.length > 0 && performance.now() < until) {
      this.#drain();
      if (this.#waiting.length > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    if (this.#dropped > 0) this.#report();
  }

  #take(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#drain();
  }

  /** Writes what waits, as far as it is taken now. */
  #drain(): void {
    for (let bytes = this.#waiting[0]; bytes !== undefined; bytes = this.#waiting[0]) {
      try {
        const written = writeSync(this.#fd, bytes);
        this.#waitingBytes -= written;
        this.#cutOff = written < bytes.length;
        if (this.#cutOff) this.#waiting[0] = bytes.subarray(written);
        else this.#waiting.shift();
      } catch (error) {
        if (hasSystemCode(error, 'EINTR')) continue;
        // A pipe whose reader doesn't keep up.
        if (!hasSystemCode(error, 'EAGAIN', 'EBUSY')) this.#giveUp(messageOf(error));
        break;
      }
    }
    if (this.#waiting.length > 0) this.#again();
  }

  #giveUp(reason: string): void {
    for (const line of this.#waiting.splice(0)) {
      this.#waitingBytes -= line.length;
      this.#drop(reason);
    }
  }

  #drop(reason: string): void {
    this.#dropped += 1;
    this.#reason = reason === '' ? this.#reason || 'its reader does not keep up' : reason;
    this.#again();
  }

  /** Says how many lines are missing, where they are. */
  #report(): void {
    this.#drain();
    if (this.#waiting.length > 0) return;
    const lines = this.#dropped;
    const record = {
      ...{ level: 'warn', time: new Date().toISOString(), event: 'log.dropped', lines, reason: this.#reason },
      msg: `${lines} lines of this log are missing here: ${this.#reason}`,
    };
    const before = this.#cutOff ? '\n' : '';
    this.#dropped = 0;
    this.#reason = '';
    this.#take(Buffer.from(`${before}${JSON.stringify(record)}\n`));
    // Refused as well: then it counts for those that it told of, and no more.
    if (this.#dropped > 0) this.#dropped = lines;
  }

  #again(): void {
    if (this.#tried) return;
    this.#tried = true;
    setTimeout(() => {
      this.#tried = false;
      if (this.#dropped > 0) this.#report();
      else this.#drain();
    }, retryMs).unref();
  }
}

/**
 * The same pipe, opened once more as one that doesn't wait for its reader: the flag belongs to the opening, so that it
 * is nobody else's. What is no pipe, or where there is no /proc, is written as it is.
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Then a reader that stands still holds us up, as it does any program.
    return fd;
  }
}
