import { type Coordinates, firstPosition } from '../../../src/binlog/coordinates.js';
import { EventType } from '../../../src/binlog/event.js';
import { type BinlogFile, eventBytes, type LoggedEvent } from './binlog.js';
import { type Draft, headerFlags, heartbeat, rotate } from './events.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedServer } from './server.js';

/** What COM_BINLOG_DUMP asks for. */
export type DumpRequest = {
  readonly start: Coordinates;
  /** End at the log's end. */
  readonly nonBlocking: boolean;
  /** Send the texts of statements behind rows, which MariaDB leaves out otherwise. */
  readonly annotations: boolean;
  /** Under which the reader is known. */
  readonly serverId: number;
};

/** Reads COM_BINLOG_DUMP: position (4), flags (2), server id (4), file name. */
export function readDumpRequest(command: Buffer): DumpRequest {
  return {
    start: { file: command.toString('utf8', 11), position: command.readUInt32LE(1) },
    nonBlocking: (command.readUInt16LE(5) & 1) !== 0,
    annotations: (command.readUInt16LE(5) & 2) !== 0,
    serverId: command.readUInt32LE(7),
  };
}

/** The way to the client of a dump. */
export type DumpLine = {
  /** Sends events; whether more may follow now. */
  readonly send: (events: readonly Buffer[]) => boolean;
  readonly fail: (number: number, message: string) => void;
  /** The log's end has been met. */
  readonly end: () => void;
};

/** Bytes that are sent at once. */
const burstBytes = 64 * 1024;

/**
 * Sends a server's log from a place on, and follows its end. As servers do it, each file comes with a rotation to it that
 * the log doesn't have, and its format description; a server that has nothing to send says so every so often.
 */
export class DumpThread {
  readonly #server: SimulatedServer;
  readonly #request: DumpRequest;
  readonly #line: DumpLine;
  readonly #scheduler: Scheduler;
  readonly #heartbeatMs: number;
  #file: BinlogFile | null = null;
  /** Of the file's events, the next one. */
  #next = 0;
  #waiting = false;
  #ended = false;
  #unlisten: (() => void) | null = null;
  #timer: { cancel(): void } | null = null;

  /** @param heartbeatMs 0: no heartbeats. */
  constructor(
    server: SimulatedServer,
    request: DumpRequest,
    line: DumpLine,
    { scheduler, heartbeatMs }: { readonly scheduler: Scheduler; readonly heartbeatMs: number },
  ) {
    this.#server = server;
    this.#request = request;
    this.#line = line;
    this.#scheduler = scheduler;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Begins; what can't be served is an error 1236. */
  start(): void {
    const { start } = this.#request;
    const { binlog } = this.#server;
    const file = start.file === '' ? (binlog.files[0] ?? null) : binlog.file(start.file);
    if (file === null) {
      this.#refuse('Could not find first log file name in binary log index file');
      return;
    }
    if (start.position > file.size) {
      this.#refuse(`Client requested ${this.#word} to start replication from position > file size`);
      return;
    }
    const next = file.eventAt(start.position);
    if (start.position < firstPosition || next === null) {
      this.#refuse('bogus data in log event; the first event does not begin there');
      return;
    }
    this.#unlisten = binlog.onGrown(() => {
      if (!this.#waiting) this.#pump();
    });
    this.#open(file, start.position, next);
    this.#pump();
  }

  /** The client takes more again. */
  drained(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#pump();
  }

  /** Ends without a word. */
  stop(): void {
    this.#ended = true;
    this.#unlisten?.();
    this.#timer?.cancel();
  }

  get #word(): string {
    return this.#server.vendor === 'mysql' ? 'source' : 'master';
  }

  #refuse(message: string): void {
    this.stop();
    this.#line.fail(1236, message);
  }

  /** Says which file follows, and what its events are like. */
  #open(file: BinlogFile, position: number, next: number): void {
    this.#file = file;
    const [first] = file.events;
    const format = first === undefined ? [] : [withoutPlace(first.bytes)];
    // From the file's beginning on the description is the file's own.
    this.#next = next === 0 ? 0 : next;
    const before = next === 0 ? [] : format;
    this.#send([this.#made(rotate(file.name, position, headerFlags.artificial), 0), ...before]);
  }

  /** Sends what there is, as long as it is taken. */
  #pump(): void {
    while (!this.#ended && !this.#waiting && this.#file !== null) {
      const burst = this.#burst(this.#file);
      if (burst.length > 0) {
        this.#send(burst);
        continue;
      }
      const following = this.#server.binlog.behind(this.#file);
      if (following === null) {
        this.#atEnd();
        return;
      }
      this.#open(following, firstPosition, 0);
    }
  }

  #burst(file: BinlogFile): Buffer[] {
    const burst: Buffer[] = [];
    for (let bytes = 0; bytes < burstBytes; this.#next += 1) {
      const event = file.events[this.#next];
      if (event === undefined) break;
      if (!this.#isSent(event)) continue;
      // Of a file that is in use, too, the description is sent as that of a closed one.
      burst.push(this.#next === 0 ? event.closed.bytes : event.bytes);
      bytes += event.size;
    }
    return burst;
  }

  #isSent({ type }: LoggedEvent): boolean {
    return this.#request.annotations || type !== EventType.mariadbAnnotateRows;
  }

  #send(events: readonly Buffer[]): void {
    this.#waiting = !this.#line.send(events);
    this.#rest();
  }

  #atEnd(): void {
    if (!this.#request.nonBlocking) return;
    this.stop();
    this.#line.end();
  }

  /** Another silence begins. */
  #rest(): void {
    this.#timer?.cancel();
    if (this.#heartbeatMs === 0 || this.#ended) return;
    this.#timer = this.#scheduler.after(this.#heartbeatMs, () => {
      if (this.#waiting) this.#rest();
      else if (this.#file !== null) this.#send([this.#made(heartbeat(this.#file.name), this.#file.size)]);
    });
  }

  /** An event that the log doesn't have. */
  #made(draft: Draft, end: number): Buffer {
    return eventBytes(draft, { serverId: this.#server.serverId, second: 0, end });
  }
}

/** The first event of a file, for a dump that begins behind it. */
function withoutPlace(bytes: Buffer): Buffer {
  const serverId = bytes.readUInt32LE(5);
  const second = bytes.readUInt32LE(0);
  return eventBytes(
    { type: EventType.formatDescription, body: bytes.subarray(19, -4) },
    { serverId, second, end: 0 },
  );
}
