import type { Socket } from '../runtime/network.js';
import { onNextTurn } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';

/** The parts of mysql2's connection that read (lib/base/connection.js). */
type Reading = { readonly stream: Socket; packetParser: { execute(data: Buffer): void } };

function isReading(core: object): core is Reading {
  return 'stream' in core && 'packetParser' in core;
}

/** Behind a shorter chunk there is nothing more to read now: a socket is read 64 KiB at a time, TLS 16 KiB. */
const longChunkBytes = 8 * 1024;

/**
 * Stands between a connection's socket and mysql2. mysql2 keeps a whole answer in memory and parses it as fast as it
 * arrives, but a server may answer without end. So an answer has a limit. A long one is also read one chunk in each turn
 * of the event loop, so that everything else this process reads gets its turn.
 */
export class AnswerBound {
  /** Called once, when an answer is longer than allowed. The connection can't be used any more. */
  onExceeded: (bytes: number) => void = () => undefined;
  #bytes: number;
  #left: number;

  /**
   * @param bytes how long the first answer may be: the answer to a login.
   * @throws WaymarkError `protocol` if this version of mysql2 reads in another way.
   */
  constructor(core: object, bytes: number) {
    if (!isReading(core))
      throw new WaymarkError(
        'protocol',
        'this version of mysql2 reads answers in a way that waymark does not know',
      );
    const reading: Reading = core;
    const parser = reading.packetParser;
    this.#bytes = bytes;
    this.#left = bytes;
    reading.packetParser = {
      execute: (data) => {
        if (!this.#takes(data)) return;
        parser.execute(data);
        if (data.length < longChunkBytes) return;
        const { stream } = reading;
        stream.pause();
        onNextTurn(() => {
          stream.resume();
        });
      },
    };
  }

  /** Sets how long the next answer may be. */
  expect(bytes: number): void {
    this.#bytes = bytes;
    // A connection that was cut off stays cut off.
    if (this.#left >= 0) this.#left = bytes;
  }

  #takes({ length }: Buffer): boolean {
    if (this.#left < 0) return false;
    this.#left -= length;
    if (this.#left < 0) this.onExceeded(this.#bytes);
    return this.#left >= 0;
  }
}
