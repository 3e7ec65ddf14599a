import { headerBytes } from '../binlog/event.js';
import { readStatement } from '../binlog/query-event.js';
import { BinlogEvent, type EventBytes } from './binlog-event.js';
import { wholeNumber } from './whole-number.js';

/** The next file of the log; a dump begins with one, too. */
export class Rotate extends BinlogEvent {
  readonly position: number | string;
  readonly binlogName: string;

  constructor(event: EventBytes) {
    super(event);
    const body = event.start + headerBytes;
    this.position = wholeNumber(event.buffer.readBigUInt64LE(body));
    this.binlogName = event.buffer.toString('utf8', body + 8, event.end);
  }

  protected override dumped(): readonly string[] {
    return [`Position: ${this.position}`, `Next binlog file: ${this.binlogName}`];
  }
}

/** FORMAT_DESCRIPTION_EVENT */
export class Format extends BinlogEvent {}

/** A COMMIT. */
export class Xid extends BinlogEvent {
  readonly xid: number | string;

  constructor(event: EventBytes) {
    super(event);
    this.xid = wholeNumber(event.buffer.readBigUInt64LE(event.start + headerBytes));
  }
}

/** A statement: DDL, BEGIN, or a change in statement format. */
export class Query extends BinlogEvent {
  readonly slaveProxyId: number;
  /** Seconds. */
  readonly executionTime: number;
  readonly schemaLength: number;
  readonly errorCode: number;
  readonly statusVarsLength: number;
  readonly statusVars: string;
  readonly schema: string;
  readonly query: string;

  constructor(event: EventBytes) {
    super(event);
    const { buffer, start, end } = event;
    const body = start + headerBytes;
    this.slaveProxyId = buffer.readUInt32LE(body);
    this.executionTime = buffer.readUInt32LE(body + 4);
    this.schemaLength = buffer.readUInt8(body + 8);
    this.errorCode = buffer.readUInt16LE(body + 9);
    this.statusVarsLength = buffer.readUInt16LE(body + 11);
    this.statusVars = buffer.toString('utf8', body + 13, body + 13 + this.statusVarsLength);
    const { schema, sql } = readStatement(buffer, start, end);
    this.schema = schema;
    this.query = sql;
  }

  protected override dumped(): readonly string[] {
    return [`Schema: ${this.schema}`, `Execution time: ${this.executionTime}`, `Query: ${this.query}`];
  }
}

const intVarNames = ['INVALID_INT', 'LAST_INSERT_ID', 'INSERT_ID'] as const;

/** A number that the statement behind it uses. */
export class IntVar extends BinlogEvent {
  /** 1: LAST_INSERT_ID, 2: INSERT_ID. */
  readonly type: number;
  readonly value: number | string;

  constructor(event: EventBytes) {
    super(event);
    const body = event.start + headerBytes;
    this.type = event.buffer.readUInt8(body);
    this.value = wholeNumber(event.buffer.readBigUInt64LE(body + 1));
  }

  /** What {@link type} stands for. */
  getIntTypeName(): string {
    return intVarNames[this.type] ?? intVarNames[0];
  }

  protected override dumped(): readonly string[] {
    return [`Type: ${this.type} (${this.getIntTypeName()})`, `Value: ${this.value}`];
  }
}

/** MariaDB: the oldest file of the log that its recovery may need. */
export class BinlogCheckpoint extends BinlogEvent {
  readonly binlogName: string;

  constructor(event: EventBytes) {
    super(event);
    const body = event.start + headerBytes;
    this.binlogName = event.buffer.toString('utf8', body + 4, body + 4 + event.buffer.readUInt32LE(body));
  }
}

/** MariaDB: the statement that made the rows behind it. */
export class AnnotateRows extends BinlogEvent {
  readonly statement: string;

  constructor(event: EventBytes) {
    super(event);
    this.statement = event.buffer.toString('utf8', event.start + headerBytes, event.end);
  }
}

/** MySQL: the statement that made the rows behind it; a byte of its length, which isn't to be relied on, is before it. */
export class RowsQuery extends BinlogEvent {
  readonly statement: string;

  constructor(event: EventBytes) {
    super(event);
    this.statement = event.buffer.toString('utf8', event.start + headerBytes + 1, event.end);
  }
}

/** MariaDB: the file is encrypted on its server. */
export class StartEncryption extends BinlogEvent {
  readonly scheme: number;
  readonly keyVersion: number;
  readonly nonce: Buffer;

  constructor(event: EventBytes) {
    super(event);
    const body = event.start + headerBytes;
    this.scheme = event.buffer.readUInt8(body);
    this.keyVersion = event.buffer.readUInt32LE(body + 1);
    this.nonce = Buffer.from(event.buffer.subarray(body + 5, body + 17));
  }
}

/** The end of an XA transaction that is prepared. */
export class XaPrepare extends BinlogEvent {
  /** XA COMMIT … ONE PHASE: it is committed at once. */
  readonly onePhase: boolean;
  readonly xidFormatId: number;
  readonly xidGtrid: Buffer;
  readonly xidBqual: Buffer;

  constructor(event: EventBytes) {
    super(event);
    const { buffer, start } = event;
    const body = start + headerBytes;
    const parts = body + 13;
    const middle = parts + buffer.readUInt32LE(body + 5);
    this.onePhase = buffer.readUInt8(body) !== 0;
    this.xidFormatId = buffer.readUInt32LE(body + 1);
    this.xidGtrid = Buffer.from(buffer.subarray(parts, middle));
    this.xidBqual = Buffer.from(buffer.subarray(middle, middle + buffer.readUInt32LE(body + 9)));
  }
}

/** An event of any other type. */
export class Unknown extends BinlogEvent {}
