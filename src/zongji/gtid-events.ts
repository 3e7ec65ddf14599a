import { EventType, eventServerId, eventType, headerBytes } from '../binlog/event.js';
import { mayBeRolledBack, readMysqlGtid } from '../binlog/gtid-event.js';
import { readGtidList } from '../gtids/gtid-list.js';
import { BinlogEvent, type EventBytes } from './binlog-event.js';
import { readSet, setText } from '../gtids/gtid-set-bytes.js';
import { wholeNumber } from './whole-number.js';

/** MySQL: the beginning of a transaction. */
export class Gtid extends BinlogEvent {
  readonly flags: number;
  /** The UUID of the server where it was born. */
  readonly sid: string;
  readonly gno: number | string;
  /** Set on GTIDs with a tag alone. */
  declare readonly tag?: string;

  constructor(event: EventBytes) {
    super(event);
    const { buffer, start, end } = event;
    const isTagged = eventType(buffer, start) === EventType.gtidTagged;
    this.flags = isTagged
      ? Number(mayBeRolledBack(buffer, start, end))
      : buffer.readUInt8(start + headerBytes);
    const gtid = readMysqlGtid(buffer, start, end).gtid ?? `${zeroUuid}:0`;
    const [sid = '', ...parts] = gtid.split(':');
    this.sid = sid;
    this.gno = wholeNumber(BigInt(parts.at(-1) ?? 0));
    if (isTagged) this.tag = parts.length > 1 ? (parts[0] ?? '') : '';
    this.gtid = gtid;
  }
}

const zeroUuid = '00000000-0000-0000-0000-000000000000';

/** MySQL: the beginning of a transaction without a GTID. */
export class AnonymousGtid extends Gtid {}

/** Some numbers of a UUID's (and a tag's) transactions. */
export type SidEntry = {
  readonly sid: string;
  readonly tag?: string;
  /** From `start` up to `end`, which is no part of it. */
  readonly intervals: readonly { readonly start: number | string; readonly end: number | string }[];
};

/** MySQL: what was committed before the file began. */
export class PreviousGtids extends BinlogEvent {
  readonly sids: readonly SidEntry[];
  readonly gtidSet: string;

  constructor(event: EventBytes) {
    super(event);
    const entries = readSet(event.buffer.subarray(event.start + headerBytes, event.end));
    this.sids = entries.map(({ uuid, tag, intervals }) => ({
      sid: uuid,
      ...(tag === null ? {} : { tag }),
      intervals: intervals.map(([first, end]) => ({ start: wholeNumber(first), end: wholeNumber(end) })),
    }));
    this.gtidSet = setText(entries);
  }
}

/** Flags of MariaDB's GTID_EVENT, and the extra ones behind them (sql/log_event.h, Gtid_log_event). */
const flag = {
  standalone: 1,
  commitId: 2,
  transactional: 4,
  ddl: 32,
  preparedXa: 64,
  completedXa: 128,
} as const;
const extraFlag = { engines: 1, commitAlter: 4, rollbackAlter: 8, threadId: 16 } as const;

/** MariaDB: the beginning of a transaction, or of a statement that stands alone. */
export class MariadbGtid extends BinlogEvent {
  readonly seqNo: number | string;
  readonly domainId: number;
  readonly serverId: number;
  readonly flags2: number;
  /** One statement, with no COMMIT behind it. */
  readonly standalone: boolean;
  readonly transactional: boolean;
  readonly isDdl: boolean;
  readonly preparedXa: boolean;
  readonly completedXa: boolean;
  declare readonly commitId?: number | string;
  declare readonly xidFormatId?: number;
  declare readonly xidGtrid?: Buffer;
  declare readonly xidBqual?: Buffer;
  declare readonly flagsExtra?: number;
  declare readonly extraEngines?: number;
  declare readonly saSeqNo?: number | string;
  declare readonly threadId?: number;

  constructor(event: EventBytes) {
    super(event);
    const { buffer, start, end } = event;
    let at = start + headerBytes;
    const next = (bytes: number): number => (at += bytes) - bytes;
    this.seqNo = wholeNumber(buffer.readBigUInt64LE(next(8)));
    this.domainId = buffer.readUInt32LE(next(4));
    this.serverId = eventServerId(buffer, start);
    this.flags2 = buffer.readUInt8(next(1));
    const has = (bit: number): boolean => (this.flags2 & bit) !== 0;
    this.standalone = has(flag.standalone);
    this.transactional = has(flag.transactional);
    this.isDdl = has(flag.ddl);
    this.preparedXa = has(flag.preparedXa);
    this.completedXa = has(flag.completedXa);
    if (has(flag.commitId)) this.commitId = wholeNumber(buffer.readBigUInt64LE(next(8)));
    if (this.preparedXa || this.completedXa) {
      this.xidFormatId = buffer.readUInt32LE(next(4));
      const [global, branch] = [buffer.readUInt8(next(1)), buffer.readUInt8(next(1))];
      this.xidGtrid = Buffer.from(buffer.subarray(next(global), at));
      this.xidBqual = Buffer.from(buffer.subarray(next(branch), at));
    }
    if (at < end) {
      const extra = (this.flagsExtra = buffer.readUInt8(next(1)));
      if ((extra & extraFlag.engines) !== 0) this.extraEngines = buffer.readUInt8(next(1));
      if ((extra & (extraFlag.commitAlter | extraFlag.rollbackAlter)) !== 0)
        this.saSeqNo = wholeNumber(buffer.readBigUInt64LE(next(8)));
      if ((extra & extraFlag.threadId) !== 0) this.threadId = buffer.readUInt32LE(next(4));
    }
    this.gtid = `${this.domainId}-${this.serverId}-${this.seqNo}`;
  }
}

/** The last GTID of a domain and server. */
export type GtidListEntry = {
  readonly domainId: number;
  readonly serverId: number;
  readonly seqNo: number | string;
  readonly gtid: string;
};

/** MariaDB: what was committed before the file began. */
export class MariadbGtidList extends BinlogEvent {
  readonly count: number;
  readonly flags: number;
  readonly gtids: readonly GtidListEntry[];

  constructor(event: EventBytes) {
    super(event);
    const { buffer, start, end } = event;
    const entries = readGtidList(buffer, start, end);
    this.count = entries.length;
    this.flags = buffer.readUInt32LE(start + headerBytes) >>> 28;
    this.gtids = entries.map(({ domainId, serverId, sequence }) => ({
      ...{ domainId, serverId, seqNo: wholeNumber(sequence) },
      gtid: `${domainId}-${serverId}-${sequence}`,
    }));
  }
}
