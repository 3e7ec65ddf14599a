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

/** How much is hashed at once. The hash copies its input into its own memory, which never shrinks. */
const pieceBytes = 1024 * 1024;

/**
 * The most bytes of content that are hashed in one call. Most transactions are small, and for them a hash
 * that can be continued costs more.
 */
const smallBytes = 1024;

/** Up to this size, a loop is faster than a call. */
const loopBytes = 96;

/** A buffer for the content of a small transaction. */
export class SmallContent {
  readonly #bytes = Buffer.allocUnsafeSlow(smallBytes);
  /** The first bytes, by their number. Creating a view costs as much as hashing its bytes. */
  readonly #views: Buffer[] = [];

  /** Returns the first bytes. A later {@link put} changes them. */
  first(count: number): Buffer {
    return (this.#views[count] ??= this.#bytes.subarray(0, count));
  }

  /** Writes a piece at an offset. */
  put(piece: Buffer, at: number): void {
    if (piece.length > loopBytes) this.#bytes.set(piece, at);
    else for (let index = 0; index < piece.length; index += 1) this.#bytes[at + index] = piece[index] ?? 0;
  }
}

/**
 * The head of a run (consecutive row events with one table and kind): its bytes in the canonical content, and
 * its part of the shape.
 */
export type RunHead = { readonly bytes: Buffer; readonly shape: number };

/**
 * Digests a transaction's canonical content while its events pass by.
 *
 * For each run of row events with one table and kind, XXH64 takes a head (kind, schema, table, column count)
 * and the row images. For each statement it takes the default schema and the text without comments.
 * Everything that differs between servers is left out: event boundaries, table ids, flags, extra data,
 * checksums, positions and compression. The shape consists of the heads and the statements, one number each.
 *
 * At any moment, the value is the digest of the content so far. So the first part of a transaction can be
 * compared, too.
 */
export class ContentDigest {
  /** Null while the content is small. Then it is in {@link #small}. */
  #hash: XXHash<bigint> | null = null;
  #small: SmallContent | null = null;
  #bytes = 0;
  #runHead: RunHead | null = null;
  #shape = 0;
  #comparison: Comparison = 'content';
  /** An offset in the content whose digest is wanted. The digest is known once the content has reached it. */
  readonly #probeBytes: number;
  #probed: bigint | null = null;

  /**
   * @param probeBytes see {@link probed}.
   * @param small a buffer for small content. Nobody else may use it until this digest is complete.
   */
  constructor(probeBytes = 0, small: SmallContent | null = null) {
    this.#probeBytes = probeBytes;
    this.#small = small;
    if (probeBytes > 0) this.#hash = hashing.create64();
  }

  /** Bytes of canonical content so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How the content so far can be compared. */
  get comparison(): Comparison {
    return this.#comparison;
  }

  /** Returns the digest so far. See {@link digestOf}. */
  value(): bigint {
    return digestOf(this.#comparison, this.#shape ^ (this.#shape >>> 14), this.#content);
  }

  get #content(): bigint {
    return this.#hash?.digest() ?? hashing.h64Raw(this.#small?.first(this.#bytes) ?? nothing);
  }

  /** The digest of the first `probeBytes` bytes. Null until there are as many. */
  get probed(): bigint | null {
    return this.#probed;
  }

  /**
   * Takes the rows of an event.
   * @param complete whether the images have all columns, with whole values.
   */
  rows(head: RunHead, images: Buffer, complete = true): void {
    if (!complete) this.#comparison = weaker(this.#comparison, 'shape');
    if (this.#runHead === null || !(this.#runHead === head || this.#runHead.bytes.equals(head.bytes))) {
      this.#runHead = head;
      this.#shape = mixed(this.#shape, head.shape);
      this.#update(head.bytes);
    }
    this.#updateInPieces(images);
  }

  /** Takes a statement. */
  statement(statement: Statement): void {
    const sql = sameOnReplicas(statement.sql);
    const text = Buffer.from(sql, 'utf8');
    const textBytes = Buffer.alloc(4);
    textBytes.writeUInt32LE(text.length);
    const head = Buffer.concat([lengthPrefixed(statementCode, [statement.schema], 0), textBytes]);
    if (isDmlStatement(sql)) this.#comparison = 'origin';
    this.#runHead = null;
    this.#shape = mixed(this.#shape, crc32(text, crc32(head)));
    // The text may be long. So it isn't copied to join it with its length.
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

/** Returns the head of a run of row events. */
export function runHead(name: TableName, operation: RowOperation, columnCount: number): RunHead {
  const bytes = lengthPrefixed(operationCodes[operation], [name.schema, name.table], columnCount);
  return { bytes, shape: crc32(bytes) };
}

/** Adds a part to the shape. The order counts: each part affects all later ones. */
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
 * The beginning of statements that MariaDB replicas change. They add IF EXISTS
 * (slave_ddl_exec_mode=IDEMPOTENT, the default), sometimes with a comment after it.
 */
const generatedDrop = /^(DROP (?:TEMPORARY )?(?:TABLE|SEQUENCE)) IF EXISTS +/;

/** Returns a statement's text as all servers of a topology have it. */
function sameOnReplicas(sql: string): string {
  return withoutComments(sql).replace(generatedDrop, '$1 ');
}
