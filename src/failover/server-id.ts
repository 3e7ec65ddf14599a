import type { Logger } from 'pino';
import { randomServerId } from '../binlog/dump-stream.js';
import type { WaymarkError } from '../util/errors.js';

/** ER_SLAVE_SAME_ID (MariaDB Error Codes). */
const sameIdNumber = 4052;
/** ER_MASTER_FATAL_ERROR_READING_BINLOG: of a stream that had begun well, mostly this. */
const fatalReadingNumber = 1236;

/**
 * The id under which servers know us. A server ends the older of two streams with the same id, MariaDB by 4052, MySQL
 * by 1236: then we take another one. Should it have been something else, another id does no harm.
 */
export class ServerId {
  #current: number;
  readonly #logger: Logger;

  constructor(configured: number | undefined, logger: Logger) {
    this.#current = configured ?? randomServerId();
    this.#logger = logger;
  }

  get current(): number {
    return this.#current;
  }

  /** @param hadBegun whether anything had come on the stream that ended with this error. */
  streamEnded({ details, message }: WaymarkError, server: string, hadBegun: boolean): void {
    const number = details['errorNumber'];
    if (number !== sameIdNumber && !(number === fatalReadingNumber && hadBegun)) return;
    const before = this.#current;
    this.#current = randomServerId();
    this.#logger.warn(
      {
        event: 'server-id.changed',
        server,
        errorNumber: number,
        before,
        now: this.#current,
        reason: message,
      },
      `${server} ended the stream as it does when another reader comes with the same server id (${before}); going ` +
        `on as ${this.#current}. Set serverId to a number that is nobody else's, or leave it out`,
    );
  }
}
