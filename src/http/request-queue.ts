import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { after, monotonicMs, pause, turn } from '../util/clock.js';

type Asked = { readonly request: IncomingMessage; readonly response: ServerResponse };

/**
 * More waiting requests over all connections would fill the memory, so whoever sends another is cut off. Each takes some
 * 20 KB. One read of Node's brings 2,400 small ones at most.
 */
const mostWaiting = 1500;

/** After what a connection handed over, reading rests so long for each request. */
const restMs = 0.1;

/** An answer that takes longer waits for something: a switch. */
const mostSpentMs = 5;

/** Whoever doesn't take his answer within this is cut off. */
const takenMs = 5000;

/**
 * Takes the requests of each connection one at a time, the next one when the answer before has been taken, and begins
 * one in each turn of the event loop and then rests as long as that took, over all connections. Node hands over all that
 * have come, however many; here the stream gets its turns, a connection with requests that wait is not read, and of those
 * to be read one is at a time.
 */
export class RequestQueue {
  readonly #answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** By connection: what waits. A connection is in it while a request of its is answered. */
  readonly #waiting = new WeakMap<Socket, Asked[]>();
  #waitingCount = 0;
  /** Connections to be read, in order. */
  readonly #toRead: Socket[] = [];
  #reading = false;
  /** How long answering has taken since it rested. */
  #spentMs = 0;
  /** Requests handed over since reading rested. */
  #handedOver = 0;
  /** When the next request may begin. */
  #turn: Promise<void> = Promise.resolve();

  /** @param answer never rejects. */
  constructor(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
    this.#answer = answer;
  }

  /** A new connection: it is read when its turn comes. */
  readonly admit = (socket: Socket): void => {
    hold(socket);
    this.#readInTurn(socket);
  };

  readonly take = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    this.#handedOver += 1;
    // Node's parser goes on with the bytes that it has.
    if (socket.destroyed) return;
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      void this.#work(socket, { request, response });
      return;
    }
    if (this.#waitingCount >= mostWaiting) {
      socket.destroy();
      return;
    }
    this.#waitingCount += 1;
    waiting.push({ request, response });
    hold(socket);
  };

  async #work(socket: Socket, first: Asked): Promise<void> {
    const waiting: Asked[] = [];
    this.#waiting.set(socket, waiting);
    for (let next: Asked | undefined = first; next !== undefined; next = this.#shift(waiting)) {
      await this.#nextTurn();
      if (!socket.destroyed) {
        const taken = once(next.response, 'close');
        const begun = monotonicMs();
        await this.#answer(next.request, next.response);
        this.#spentMs += Math.min(monotonicMs() - begun, mostSpentMs);
        const timer = after(takenMs, () => {
          socket.destroy();
        });
        await taken;
        timer.cancel();
        // Whoever is answered and goes on sending would be read all the same.
        if (!next.request.complete) socket.destroy();
      }
      if (!socket.destroyed) continue;
      this.#waitingCount -= waiting.length;
      waiting.length = 0;
      return;
    }
    this.#waiting.delete(socket);
    this.#readInTurn(socket);
  }

  #readInTurn(socket: Socket): void {
    this.#toRead.push(socket);
    if (!this.#reading) void this.#read();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    for (let socket = this.#toRead.shift(); socket !== undefined; socket = this.#toRead.shift()) {
      if (socket.destroyed) continue;
      release(socket);
      // One to begin to read, one for what comes.
      await turn();
      await turn();
      const owedMs = this.#handedOver * restMs;
      this.#handedOver = 0;
      if (owedMs >= 1) await pause(owedMs);
    }
    this.#reading = false;
  }

  #shift(waiting: Asked[]): Asked | undefined {
    const next = waiting.shift();
    if (next !== undefined) this.#waitingCount -= 1;
    return next;
  }

  async #rest(): Promise<void> {
    await turn();
    if (this.#spentMs < 1) return;
    const ms = this.#spentMs;
    this.#spentMs = 0;
    await pause(ms);
  }

  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#rest());
    return this.#turn;
  }
}

function hold(socket: Socket): void {
  // Whoever listens takes the bytes from Node's parser, which reads past a pause (lib/_http_server.js, unconsume).
  if (socket.listenerCount('data') < 2) socket.on('data', ignore);
  socket.pause();
  // Node goes on reading with each request that is answered (lib/_http_incoming.js, readStart).
  socket.resume = () => socket;
}

function release(socket: Socket): void {
  Reflect.deleteProperty(socket, 'resume');
  socket.resume();
}

function ignore(): void {
  // Node's own listener takes it.
}
