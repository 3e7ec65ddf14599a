import { exactText } from '../decode/exact-text.js';
import type { ChangeRecord, RecordSource } from './record.js';
import type { DeliveredTransaction } from './sink.js';

/** Text is turned into bytes in pieces of about this many characters, so that a huge batch costs little memory. */
const pieceLength = 4 * 1024 * 1024;

/** How every line begins: id and type go first, so that a file can be recognised by its first bytes. */
const lineForm = /^\{"id":"(?:[^"\\]|\\.)*","type":"(?:row|ddl|xa|gap)"/;
const lineStart = Buffer.from('{"id":"');
/** Bytes that tell a line of ours from any other. */
export const longestStart = 4096;

/** Whether bytes can be the beginning of a line of ours; fewer than it takes to tell may be. */
export function mayBeLine(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, lineStart.length);
  return bytes.subarray(0, length).equals(lineStart.subarray(0, length));
}

/** Whether bytes are, beyond doubt, the beginning of a line of ours. */
export function isLineStart(bytes: Buffer): boolean {
  return lineForm.test(bytes.toString('utf8', 0, longestStart));
}

/** Lines for a sink, and where in them the last complete transaction ends. */
export type EncodedPiece = {
  readonly bytes: Buffer;
  /** Bytes from the piece's start to the end of the last transaction that ends in it; null when none does. */
  readonly lastEnd: number | null;
  /** Transactions that end in it. */
  readonly transactions: number;
};

/** The records as lines, one JSON document each, in pieces of whole lines. */
export function* encodeRecords(records: readonly ChangeRecord[]): Generator<EncodedPiece> {
  let text = '';
  let behindLast = '';
  let transactions = 0;
  const take = (): EncodedPiece => {
    const bytes = Buffer.from(text + behindLast);
    const lastEnd = transactions > 0 ? bytes.length - Buffer.byteLength(behindLast) : null;
    const piece = { bytes, lastEnd, transactions };
    [text, behindLast, transactions] = ['', '', 0];
    return piece;
  };
  for (const record of records) {
    behindLast += `${encodeRecord(record)}\n`;
    if (record.tx.last === true) {
      text += behindLast;
      behindLast = '';
      transactions += 1;
    }
    if (text.length + behindLast.length >= pieceLength) yield take();
  }
  if (text.length + behindLast.length > 0) yield take();
}

function encodeRecord(record: ChangeRecord): string {
  const line = jsonOf(record);
  if (lineForm.test(line)) return line;
  const { id, type, ...rest } = record;
  return JSON.stringify({ id, type, ...rest });
}

function jsonOf(record: ChangeRecord): string {
  const before = exactText('before' in record ? record.before : undefined);
  const after = exactText('after' in record ? record.after : undefined);
  if (before === undefined && after === undefined) return JSON.stringify(record);
  const exact = new Map([
    ['before', before],
    ['after', after],
  ]);
  const members = Object.entries(record).map(
    ([name, value]) => `${JSON.stringify(name)}:${exact.get(name) ?? JSON.stringify(value)}`,
  );
  return `{${members.join()}}`;
}

/** What recovery needs of a line. */
export type DecodedLine = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** Second in the record's `ts`. */
  readonly second: number;
  readonly source: RecordSource;
  readonly isGap: boolean;
  /** What stands on a transaction's last record only. */
  readonly last: { readonly digest: bigint; readonly second: number | null } | null;
};

/** Reads a line that encodeRecords wrote (without its end); null when it is anything else. */
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
  const common = { hint, sequence: seq, gtid: gtid ?? null, second, source, isGap };
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

/**
 * The transaction that a last line ends.
 * @param firstSecond second of the transaction's first record.
 */
export function transactionOf(line: DecodedLine, firstSecond: number): DeliveredTransaction | null {
  if (line.last === null) return null;
  return {
    hint: line.hint,
    sequence: line.sequence,
    gtid: line.gtid,
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
