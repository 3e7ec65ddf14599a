import { EventType, eventType, headerBytes } from './event.js';

/** The value of a user variable, as the log has it. */
export type UserVariableValue =
  | { readonly kind: 'null' }
  /** In the character set of a collation. */
  | { readonly kind: 'text'; readonly collation: number; readonly bytes: Buffer }
  | { readonly kind: 'real'; readonly value: number }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number; readonly bytes: Buffer };

/** A user variable that a statement reads. */
export type UserVariable = { readonly name: string; readonly value: UserVariableValue };

/**
 * What a statement was carried out with and doesn't say itself. Servers log it before statements that need it, in sessions
 * with `binlog_format` STATEMENT or MIXED.
 */
export type StatementContext = {
  readonly variables: readonly UserVariable[];
  /** The first AUTO_INCREMENT value that it gave. */
  readonly insertId: bigint | null;
  /** What LAST_INSERT_ID() was. */
  readonly lastInsertId: bigint | null;
  /** The two seeds of RAND(). */
  readonly rand: readonly [bigint, bigint] | null;
};

const lastInsertIdCode = 1;
const insertIdCode = 2;

/**
 * Gathers the context of the next statement, out of INTVAR_EVENT, RAND_EVENT and USER_VAR_EVENT (MySQL:
 * libs/mysql/binlog/event/statement_events.h; MariaDB: sql/log_event.h).
 */
export class ContextReader {
  #variables: UserVariable[] = [];
  #insertId: bigint | null = null;
  #lastInsertId: bigint | null = null;
  #rand: readonly [bigint, bigint] | null = null;
  #isEmpty = true;

  /** Takes the next event. Gives false where it can't be read. */
  event(buffer: Buffer, start: number, end: number): boolean {
    this.#isEmpty = false;
    const body = buffer.subarray(start + headerBytes, end);
    switch (eventType(buffer, start)) {
      case EventType.intvar: {
        if (body.length < 9) return false;
        const value = body.readBigUInt64LE(1);
        if (body[0] === insertIdCode) this.#insertId = value;
        else this.#lastInsertId = value;
        return body[0] === insertIdCode || body[0] === lastInsertIdCode;
      }
      case EventType.rand:
        if (body.length < 16) return false;
        this.#rand = [body.readBigUInt64LE(0), body.readBigUInt64LE(8)];
        return true;
      default: {
        const variable = readUserVariable(body);
        if (variable !== null) this.#variables.push(variable);
        return variable !== null;
      }
    }
  }

  /** The context of the statement that has come; null where nothing came before it. */
  get current(): StatementContext | null {
    if (this.#isEmpty) return null;
    return {
      variables: this.#variables,
      insertId: this.#insertId,
      lastInsertId: this.#lastInsertId,
      rand: this.#rand,
    };
  }

  /** The next statement's begins. */
  clear(): void {
    if (this.#isEmpty) return;
    this.#variables = [];
    [this.#insertId, this.#lastInsertId, this.#rand] = [null, null, null];
    this.#isEmpty = true;
  }
}

/** The types of values: Item_result of both vendors. */
const [stringResult, realResult, integerResult, decimalResult] = [0, 1, 2, 4];
const unsignedFlag = 1;

/**
 * Name's length (4) and name, whether it is NULL (1); unless it is: type (1), collation (4), value's length (4) and value,
 * flags (1; older servers have none).
 */
function readUserVariable(body: Buffer): UserVariable | null {
  if (body.length < 4) return null;
  const nameEnd = 4 + body.readUInt32LE(0);
  if (nameEnd >= body.length) return null;
  const name = body.toString('utf8', 4, nameEnd);
  if (body[nameEnd] !== 0) return { name, value: { kind: 'null' } };
  const valueStart = nameEnd + 10;
  if (valueStart > body.length) return null;
  const valueEnd = valueStart + body.readUInt32LE(nameEnd + 6);
  if (valueEnd > body.length) return null;
  const flags = body[valueEnd] ?? 0;
  const value = readValue(
    body[nameEnd + 1] ?? 0,
    body.readUInt32LE(nameEnd + 2),
    body.subarray(valueStart, valueEnd),
    (flags & unsignedFlag) !== 0,
  );
  return value && { name, value };
}

function readValue(
  type: number,
  collation: number,
  bytes: Buffer,
  unsigned: boolean,
): UserVariableValue | null {
  switch (type) {
    case stringResult:
      // A copy: the event's bytes are valid until the next batch alone.
      return { kind: 'text', collation, bytes: Buffer.from(bytes) };
    case realResult:
      return bytes.length === 8 ? { kind: 'real', value: bytes.readDoubleLE(0) } : null;
    case integerResult:
      if (bytes.length !== 8) return null;
      return { kind: 'integer', value: unsigned ? bytes.readBigUInt64LE(0) : bytes.readBigInt64LE(0) };
    case decimalResult: {
      const [precision = 0, scale = 0] = bytes;
      return { kind: 'decimal', precision, scale, bytes: Buffer.from(bytes.subarray(2)) };
    }
    default:
      return null;
  }
}
