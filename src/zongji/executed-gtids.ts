import { EventType, eventType, headerBytes } from '../binlog/event.js';
import type { Vendor } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import type { RawEvent } from './event-reader.js';
import { MariadbGtidList } from './gtid-events.js';
import { GtidSet } from '../gtids/gtid-set.js';
import { readSet } from '../gtids/gtid-set-bytes.js';
import { MariadbGtidPosition } from './mariadb-gtid-position.js';

/**
 * What a program is to go on behind, in the form that its server's vendor has; '' is either.
 * @throws WaymarkError `usage` where it is the other vendor's, or neither's.
 */
export function gtidsOf(text: string, vendor: Vendor): GtidSet | MariadbGtidPosition {
  const isMysqls = text.includes(':');
  if (text.trim() !== '' && isMysqls !== (vendor === 'mysql')) {
    const [given, server, form] = isMysqls
      ? ['MySQL GTID set', 'MariaDB', 'a GTID position (0-1-1234)']
      : ['MariaDB GTID position', 'MySQL', 'a GTID set (uuid:1-5)'];
    throw new WaymarkError('usage', `gtidSet is a ${given} but the server is ${server}: it needs ${form}`);
  }
  return vendor === 'mysql' ? GtidSet.parse(text) : MariadbGtidPosition.parse(text);
}

/** @throws WaymarkError `usage` for what neither vendor can have written. */
export function requireGtids(text: string): void {
  gtidsOf(text, text.includes(':') ? 'mysql' : 'mariadb');
}

/** The transactions that a program has had, as far as that is known: from what it began behind, or from a file's head. */
export class ExecutedGtids {
  #gtids: GtidSet | MariadbGtidPosition | null;
  readonly #seeds: boolean;

  /**
   * @param known what it began behind; null where it isn't known.
   * @param seeds whether reading begins at a file's first event, which tells it.
   */
  constructor(known: GtidSet | MariadbGtidPosition | null, seeds: boolean) {
    this.#gtids = known;
    this.#seeds = seeds;
  }

  /** Takes the next event, and the GTID of the transaction that it has ended. */
  event({ buffer, start, end, place }: RawEvent, committed: string | undefined): void {
    if (this.#gtids === null && this.#seeds) {
      const type = eventType(buffer, start);
      if (type === EventType.previousGtids)
        this.#gtids = GtidSet.of(readSet(buffer.subarray(start + headerBytes, end)));
      if (type === EventType.mariadbGtidList) {
        const { gtids } = new MariadbGtidList({ buffer, start, end, nextPosition: place.end });
        this.#gtids = MariadbGtidPosition.fromGtidList(gtids);
      }
    }
    if (committed === undefined || this.#gtids === null) return;
    if (this.#gtids instanceof GtidSet) this.#gtids.add(committed);
    else {
      const [domainId = 0, serverId = 0] = committed.split('-').map(Number);
      this.#gtids.add({ domainId, serverId, seqNo: committed.split('-')[2] ?? 0 });
    }
  }

  /** As text; undefined where it isn't known. */
  get text(): string | undefined {
    return this.#gtids?.toString();
  }
}
