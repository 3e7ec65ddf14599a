import { formatAddress } from '../config/address.js';
import { type DumpOptions, readDump } from '../dump/dump-stream.js';
import type { EventBatch } from '../binlog/event.js';
import { holdGroups } from './held-groups.js';
import { unpackEvents } from '../binlog/unpacked-events.js';

/** How and from where to read committed events. */
export type CommittedOptions = Omit<DumpOptions, 'verifyChecksums'> & {
  /** Return no transaction before its end has arrived. */
  readonly whole?: boolean;
  /** Raw events from `start` on, if the dump is open already. They have been verified. */
  readonly dump?: AsyncIterable<EventBatch>;
};

/**
 * Reads the events of a server's binary log from `start` on, without what was rolled back. Compressed
 * transactions are unpacked, checksums verified. Everything that is delivered or compared is read by this.
 * @throws what readDump, unpackEvents and holdGroups throw.
 */
export function readCommitted(options: CommittedOptions): AsyncGenerator<EventBatch, void, undefined> {
  const server = formatAddress(options.instance.address);
  const dump = options.dump ?? readDump({ ...options, verifyChecksums: true });
  return holdGroups(unpackEvents(dump, server), server, options.signal, options.whole);
}
