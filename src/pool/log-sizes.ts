import type { Logger } from 'pino';
import { type Coordinates, parseCoordinates } from '../binlog/coordinates.js';
import { formatAddress } from '../config/address.js';
import type { Instance } from '../mysql/instance.js';
import { listBinaryLogs } from '../mysql/log-list.js';
import type { BinaryLog } from '../mysql/server-facts.js';
import { isOfServer } from '../mysql/server-error.js';
import { watchLoop } from '../util/watch-loop.js';
import type { MemberEvidence } from './evidence.js';

const intervalMs = 5000;
const connectTimeoutMs = 2000;

/** How many bytes of a log lie between a place and its end. Null if it isn't known. Pure. */
export function bytesBetween(from: Coordinates, end: Coordinates, logs: readonly BinaryLog[]): number | null {
  if (from.file === end.file) return Math.max(0, end.position - from.position);
  const first = logs.findIndex(({ file }) => file === from.file);
  const last = logs.findIndex(({ file }) => file === end.file);
  if (first === -1 || last === -1) return null;
  // The end was seen before the stream reached a later file.
  if (last < first) return 0;
  const whole = logs.slice(first, last).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return Math.max(0, whole - from.position) + end.position;
}

/** Whether a server's log ends in another file than the stream's current one. Pure. */
export function isBehind(
  from: Coordinates,
  { evidence }: { readonly evidence: MemberEvidence | null },
): boolean {
  const end = evidence?.coordinates ?? null;
  return end !== null && from.file !== '' && parseCoordinates(end).file !== from.file;
}

/**
 * Keeps the sizes of a server's log files while the stream is more than one file behind, because the end of the log
 * alone doesn't tell the sizes of the files in between.
 */
export class LogSizes {
  readonly #logger: Logger;
  #sizes: { readonly server: string; readonly logs: readonly BinaryLog[] } | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The files of a server, as they were some seconds ago. Empty if they aren't known. */
  of(server: string): readonly BinaryLog[] {
    return this.#sizes?.server === server ? this.#sizes.logs : [];
  }

  /**
   * Asks the server that `behind` returns, every few seconds, until the signal fires. Never rejects.
   * @param behind returns the server whose files are needed, or null.
   */
  async run(behind: () => Instance | null, signal: AbortSignal): Promise<void> {
    const ask = async (): Promise<void> => {
      const instance = behind();
      if (instance) await this.#ask(instance, signal);
    };
    await watchLoop(intervalMs, 'asking for the sizes of logs', ask, { logger: this.#logger, signal });
  }

  async #ask(instance: Instance, signal: AbortSignal): Promise<void> {
    try {
      const server = formatAddress(instance.address);
      this.#sizes = { server, logs: await listBinaryLogs(instance, signal, connectTimeoutMs) };
    } catch (error) {
      // The diagnosis decides whether it lives. The lag in bytes is unknown then.
      this.#sizes = null;
      if (!isOfServer(error)) throw error;
    }
  }
}
