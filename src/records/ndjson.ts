import type { RecordSource } from './record.js';

/**
 * The beginning of every line. The id and the type come first, so that a file can be recognised by its first
 * bytes.
 */
const lineForm = /^\{"id":"(?:[^"\\]|\\.)*","type":"(?:row|ddl|xa|gap)"/;
const lineStart = Buffer.from('{"id":"');
/** How many bytes it takes to recognise one of waymark's lines. */
export const longestStart = 4096;

/**
 * Returns whether bytes can be the beginning of one of waymark's lines. True also if there are too few to
 * tell.
 */
export function mayBeLine(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, lineStart.length);
  return bytes.subarray(0, length).equals(lineStart.subarray(0, length));
}

/** Returns whether bytes certainly are the beginning of one of waymark's lines. */
export function isLineStart(bytes: Buffer): boolean {
  return lineForm.test(bytes.toString('utf8', 0, longestStart));
}

/** The parts of a line that recovery needs. */
export type DecodedLine = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** Whether its id is made of the GTID. */
  readonly byGtid: boolean;
  /** The second in the record's `ts`. */
  readonly second: number;
  readonly source: RecordSource;
  readonly isGap: boolean;
  /** Members that only a transaction's last record has. */
  readonly last: { readonly digest: bigint; readonly second: number | null } | null;
};

/** Reads a record writer's line, without its line feed. Returns null if it is anything else. */
export function decodeLine(line: Buffer): DecodedLine | null {
  if (!isLineStart(line)) return null;
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return null;
  }
  if (!isObject(value) || !isObject(value['tx']) || typeof value['ts'] !== 'string') return null;
  const { tx, ts } = value;
  const second = Math.floor(Date.parse(ts) / 1_000);
  const source = decodeSource(value['source']);
  const { hint, seq, gtid } = tx;
  if (!Number.isSafeInteger(second) || !isInteger(seq) || source === null) return null;
  if (typeof hint !== 'string' && hint !== null) return null;
  if (typeof gtid !== 'string' && gtid !== undefined) return null;
  const isGap = value['type'] === 'gap';
  const byGtid = gtid !== undefined && typeof value['id'] === 'string' && value['id'].startsWith(`${gtid}/`);
  const common = { hint, sequence: seq, gtid: gtid ?? null, byGtid, second, source, isGap };
  if (isGap || tx['last'] === undefined) return { ...common, last: null };
  const last = decodeLast(tx);
  return last === null ? null : { ...common, last };
}

function decodeSource(value: unknown): RecordSource | null {
  if (!isObject(value)) return null;
  const { server, serverId, file, position } = value;
  if (typeof server !== 'string' || !isInteger(serverId)) return null;
  if (typeof file !== 'string' || !isInteger(position)) return null;
  return { server, serverId, file, position };
}

function decodeLast(tx: Readonly<Record<string, unknown>>): DecodedLine['last'] {
  const { last, digest, second } = tx;
  if (last !== true || typeof digest !== 'string' || !/^[0-9a-f]{16}$/i.test(digest)) return null;
  if (second !== undefined && !isInteger(second)) return null;
  return { digest: BigInt(`0x${digest}`), second: second ?? null };
}

/** A complete transaction, as its last record describes it. */
export type DeliveredTransaction = {
  /** The hint before it, without `asc:`. Null if none had been seen. */
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** Whether the ids of its records are made of the GTID: then GTIDs anchor the stream. */
  readonly byGtid: boolean;
  /** The second of the transaction's first event with content. */
  readonly second: number;
  readonly digest: bigint;
};

/**
 * Returns the transaction that a line ends. Null if the line ends none.
 * @param firstSecond the second of the transaction's first record.
 */
export function transactionOf(line: DecodedLine, firstSecond: number): DeliveredTransaction | null {
  if (line.last === null) return null;
  return {
    hint: line.hint,
    sequence: line.sequence,
    gtid: line.gtid,
    byGtid: line.byGtid,
    second: line.last.second ?? firstSecond,
    digest: line.last.digest,
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
