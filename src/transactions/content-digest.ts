import { crc32 } from 'node:zlib';
import xxhash, { type XXHash } from 'xxhash-wasm';
import { isDmlStatement } from '../sql/dml-statement.js';
import { type Comparison, digestOf, weaker } from './identity.js';
import type { RowOperation, TableName } from '../binlog/rows-event.js';
import type { Statement } from '../binlog/query-event.js';
import { withoutComments } from '../sql/text.js';

const hashing = await xxhash();

const operationCodes = { insert: 1, update: 2, delete: 3 } as const;
const statementCode = 4;

/** How much goes to the hash at once: it copies its input into memory of its own, which then keeps that size. */
const pieceBytes = 1024 * 1024;

/** Content of so few bytes is hashed in one call: most transactions are small, and a hash to go on with costs more. */
const smallBytes = 1024;

/** Up to here a loop is faster than a call. */
const loopBytes = 96;

/** Room for the content of a small transaction. */
export class SmallContent {
  readonly #bytes = Buffer.allocUnsafeSlow(smallBytes);
  /** The first bytes, by how many: a view costs as much as hashing what is in it. */
  readonly #views: Buffer[] = [];

  /** The first bytes, as they stand there now. */
  first(count: number): Buffer {
    return (this.#views[count] ??= this.#bytes.subarray(0, count));
  }

  put(piece: Buffer, at: number): void {
    if (piece.length > loopBytes) this.#bytes.set(piece, at);
    else for (let index = 0; index < piece.length; index += 1) this.#bytes[at + index] = piece[index] ?? 0;
  }
}

/** What a run of row events with one table and kind begins with in the canonical content, and its part of the shape. */
export type RunHead = { readonly bytes: Buffer; readonly shape: number };

/**
 * The digest of a transaction's canonical content, taken as it streams by: XXH64 over, for each run of row events
 * with one table and kind, a head (kind, schema, table, column count) and the row images; for each statement its
 * default schema and its text without comments. How a server splits rows into events, table ids, flags, extra data,
 * checksums, positions and compression are left out, because they differ from server to server. The shape is made of
 * the heads and the statements alone, one number for each run.
 *
 * The value at any moment is the digest of what has been taken so far, so that the first part of a transaction can
 * be compared as well.
 */
export class ContentDigest {
  /** Null while the content is small and stands in {@link #small}. */
  #hash: XXHash<bigint> | null = null;
  #small: SmallContent | null = null;
  #bytes = 0;
  #runHead: RunHead | null = null;
  #shape = 0;
  #comparison: Comparison = 'content';
  /** A place in the content whose digest is wanted, and that digest once the content has come so far. */
  readonly #probeBytes: number;
  #probed: bigint | null = null;

  /**
   * @param probeBytes {@link probed}.
   * @param small room for small content that nobody else uses while this digest is taken.
   */
  constructor(probeBytes = 0, small: SmallContent | null = null) {
    this.#probeBytes = probeBytes;
    this.#small = small;
    if (probeBytes > 0) this.#hash = hashing.create64();
  }

  /** Bytes of canonical content taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** By what it can be compared, as far as it has come. */
  get comparison(): Comparison {
    return this.#comparison;
  }

  /** See {@link digestOf}. */
  value(): bigint {
    return digestOf(this.#comparison, this.#shape ^ (this.#shape >>> 14), this.#content);
  }

  get #content(): bigint {
    return this.#hash?.digest() ?? hashing.h64Raw(this.#small?.first(this.#bytes) ?? nothing);
  }

  /** The digest over the first `probeBytes` bytes, once there were so many; null before. */
  get probed(): bigint | null {
    return this.#probed;
  }

  /** @param complete whether the images have all columns, and these whole. */
  rows(head: RunHead, images: Buffer, complete = true): void {
    if (!complete) this.#comparison = weaker(this.#comparison, 'shape');
    if (this.#runHead === null || !(this.#runHead === head || this.#runHead.bytes.equals(head.bytes))) {
      this.#runHead = head;
      this.#shape = mixed(this.#shape, head.shape);
      this.#update(head.bytes);
    }
    this.#updateInPieces(images);
  }

  statement(statement: Statement): void {
    const sql = sameOnReplicas(statement.sql);
    const text = Buffer.from(sql, 'utf8');
    const textBytes = Buffer.alloc(4);
    textBytes.writeUInt32LE(text.length);
    const head = Buffer.concat([lengthPrefixed(statementCode, [statement.schema], 0), textBytes]);
    if (isDmlStatement(sql)) this.#comparison = 'origin';
    this.#runHead = null;
    this.#shape = mixed(this.#shape, crc32(text, crc32(head)));
    // The text may be long: it isn't copied once more to stand behind its length.
    this.#update(head);
    this.#updateInPieces(text);
  }

  #updateInPieces(content: Buffer): void {
    for (let offset = 0; offset < content.length; offset += pieceBytes) {
      this.#update(content.subarray(offset, offset + pieceBytes));
    }
  }

  #update(piece: Buffer): void {
    const end = this.#bytes + piece.length;
    if (this.#hash === null && end <= smallBytes) {
      this.#small ??= new SmallContent();
      this.#small.put(piece, this.#bytes);
      this.#bytes = end;
      return;
    }
    if (this.#hash === null) {
      this.#hash = hashing.create64();
      if (this.#small !== null) this.#hash.update(this.#small.first(this.#bytes));
      this.#small = null;
    }
    const untilProbe = this.#probeBytes - this.#bytes;
    if (untilProbe > 0 && piece.length >= untilProbe) {
      this.#hash.update(piece.subarray(0, untilProbe));
      this.#probed = this.value();
      if (piece.length > untilProbe) this.#hash.update(piece.subarray(untilProbe));
    } else {
      this.#hash.update(piece);
    }
    this.#bytes = end;
  }
}

const nothing = Buffer.alloc(0);

/** The head of a run of rows in the canonical content. */
export function runHead(name: TableName, operation: RowOperation, columnCount: number): RunHead {
  const bytes = lengthPrefixed(operationCodes[operation], [name.schema, name.table], columnCount);
  return { bytes, shape: crc32(bytes) };
}

/** The shape with one part more. Order counts: each part goes through all that come behind it. */
function mixed(shape: number, part: number): number {
  const product = Math.imul(shape ^ part, 0x9e3779b1);
  return product ^ (product >>> 15);
}

function lengthPrefixed(code: number, texts: readonly string[], count: number): Buffer {
  const parts = texts.map((text) => Buffer.from(text, 'utf8'));
  const buffer = Buffer.alloc(5 + parts.reduce((sum, part) => sum + 4 + part.length, 0));
  buffer.writeUInt8(code, 0);
  buffer.writeUInt32LE(count, 1);
  let offset = 5;
  for (const part of parts) {
    offset = buffer.writeUInt32LE(part.length, offset);
    offset += part.copy(buffer, offset);
  }
  return buffer;
}

/**
 * A MariaDB replica (slave_ddl_exec_mode=IDEMPOTENT, the default) writes IF EXISTS into the statements that these begin,
 * sometimes with a comment behind it.
 */
const generatedDrop = /^(DROP (?:TEMPORARY )?(?:TABLE|SEQUENCE)) IF EXISTS +/;

/** A statement's text as every server of a topology has it. */
function sameOnReplicas(sql: string): string {
  return withoutComments(sql).replace(generatedDrop, '$1 ');
}
