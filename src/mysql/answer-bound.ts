import type { Socket } from '../runtime/network.js';
import { onNextTurn } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';

/** What of mysql2's connection has a part in reading (lib/base/connection.js). */
type Reading = { readonly stream: Socket; packetParser: { execute(data: Buffer): void } };

function isReading(core: object): core is Reading {
  return 'stream' in core && 'packetParser' in core;
}

/**
 * Stands between a connection's socket and mysql2, which keeps all of an answer in memory and takes it apart as fast as
 * it comes: a server may answer without end. An answer has a bound, and is read a chunk in each turn of the event loop,
 * so that whatever else this process reads gets its turn, too.
 */
export class AnswerBound {
  /** Told once, when an answer is longer: the connection is no good any more. */
  onExceeded: (bytes: number) => void = () => undefined;
  #bytes: number;
  #left: number;

  /**
   * @param bytes how long the first answer may be: that to a login.
   * @throws WaymarkError `protocol` where this mysql2 reads in another way.
   */
  constructor(core: object, bytes: number) {
    if (!isReading(core)) throw new WaymarkError('protocol', 'this mysql2 reads answers in another way');
    const reading: Reading = core;
    const parser = reading.packetParser;
    this.#bytes = bytes;
    this.#left = bytes;
    reading.packetParser = {
      execute: (data) => {
        if (!this.#takes(data)) return;
        parser.execute(data);
        const { stream } = reading;
        stream.pause();
        onNextTurn(() => {
          stream.resume();
        });
      },
    };
  }

  /** Another answer begins, which may be so long. */
  expect(bytes: number): void {
    this.#bytes = bytes;
    // Whoever has been cut off stays it.
    if (this.#left >= 0) this.#left = bytes;
  }

  #takes({ length }: Buffer): boolean {
    if (this.#left < 0) return false;
    this.#left -= length;
    if (this.#left < 0) this.onExceeded(this.#bytes);
    return this.#left >= 0;
  }
}
