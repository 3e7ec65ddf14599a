import { formatAddress } from '../config/address.js';
import { type DumpOptions, readDump } from '../dump/dump-stream.js';
import type { EventBatch } from '../binlog/event.js';
import { holdGroups } from './held-groups.js';
import { unpackEvents } from '../binlog/unpacked-events.js';

export type CommittedOptions = Omit<DumpOptions, 'verifyChecksums'> & {
  /** Give no transaction before its end has come. */
  readonly whole?: boolean;
};

/**
 * The events of a server's binary log from `start` on, without what was rolled back, compressed transactions unpacked,
 * checksums verified. This is what everything reads that is delivered or compared.
 * @throws what readDump, unpackEvents and holdGroups throw.
 */
export function readCommitted(options: CommittedOptions): AsyncGenerator<EventBatch, void, undefined> {
  const server = formatAddress(options.instance.address);
  const dump = readDump({ ...options, verifyChecksums: true });
  return holdGroups(unpackEvents(dump, server), server, options.signal, options.whole);
}
