import { checksumOf } from '../../../src/binlog/checksum.js';
import { EventList } from '../../../src/binlog/event-list.js';
import type { EventBatch } from '../../../src/binlog/event.js';
import { mayBePacked, unpackEvents } from '../../../src/binlog/unpacked-events.js';
import { PositionTracker } from '../../../src/dump/position-tracker.js';
import { holdGroups } from '../../../src/transactions/held-groups.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import type { SimulatedServer } from '../../simulation/server/server.js';

/** A transaction of a log as our own code reads it. */
export type ReadTransaction = EndedTransaction & { readonly rowEvents: number };

/** What our own code reads in a server's log files, from their bytes. */
export async function readLog(server: SimulatedServer): Promise<readonly ReadTransaction[]> {
  const read: ReadTransaction[] = [];
  let rowEvents = 0;
  const assembler = new TransactionAssembler({
    rows: () => {
      rowEvents += 1;
    },
    end: (transaction) => {
      read.push({ ...transaction, rowEvents });
      rowEvents = 0;
    },
  });
  const unpacked = unpackEvents(batchesOf(server), 'model');
  for await (const batch of holdGroups(unpacked, 'model', new AbortController().signal)) {
    batch.forEach(assembler.event);
  }
  return read;
}

async function* batchesOf({ binlog }: SimulatedServer): AsyncGenerator<EventBatch, void, undefined> {
  for (const { name, bytes } of binlog.files) {
    await Promise.resolve();
    const position = new PositionTracker({ file: name, position: 4 });
    const list = new EventList('model');
    let packed = false;
    for (let at = 4; at < bytes.length;) {
      const end = at + bytes.readUInt32LE(at + 9);
      requireChecksum(bytes, at, end);
      position.advance(bytes, at, end - 4);
      list.push(bytes, at, end - 4, position.place);
      packed ||= mayBePacked(bytes.readUInt8(at + 4));
      at = end;
    }
    yield { bytes: bytes.length, end: position.end, complete: true, packed, ...list.part() };
  }
}

/** That of a file in use is its own when it is closed. */
function requireChecksum(bytes: Buffer, start: number, end: number): void {
  const event = Buffer.from(bytes.subarray(start, end));
  event.writeUInt8(event.readUInt8(17) & 0xfe, 17);
  if (checksumOf(event, 0, event.length - 4) !== event.readUInt32LE(event.length - 4)) {
    throw new Error(`the event at ${start} does not match its checksum`);
  }
}
