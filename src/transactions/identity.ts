/**
 * What identifies a transaction. It is the same on every server that has the transaction.
 *
 * `digest` tells its content, and how the content can be compared ({@link digestOf}). `second` is the time in
 * the header of its first row event or statement. `origin` is the best identifier in the server's log:
 * MariaDB's GTID as `g:domain-server-sequence`, MySQL's original commit time (8.0.1 and later, with and
 * without GTIDs) as `c:microseconds`, an older MySQL's GTID as `u:uuid:number`, or `''` if there is none.
 */
export type Identity = {
  readonly digest: bigint;
  readonly second: number;
  readonly origin: string;
};

/**
 * How a transaction can be compared with its copy in another server's log.
 *
 * - `content`: by all its content.
 * - `shape`: by tables and kinds of change, in order. Its row images lack columns or hold partial JSON (a
 *   session's binlog_row_image, MySQL's binlog_row_value_options), and replicas log them in full.
 * - `origin`: not by its content. It has a DML statement (a session's binlog_format), and replicas log rows.
 */
export type Comparison = 'content' | 'shape' | 'origin';

/** In the order of their numbers. The weakest is the last. */
const comparisons: readonly Comparison[] = ['content', 'shape', 'origin'];

const contentBits = 48;
const shapeBits = 14;

const word = new DataView(new ArrayBuffer(8));

/**
 * Combines a transaction's digest of 64 bits. From the top: how it can be compared (2 bits), its shape (14),
 * its content (48).
 *
 * Every transaction needs its shape, because another server's copy may have content that can't be compared.
 * In one number, the trail, the checkpoint and a sink's records carry it without an extra byte. Fourteen bits
 * are enough, because order and origin are part of the proof. Forty-eight bits still tell the contents of a
 * trail apart.
 */
export function digestOf(comparison: Comparison, shape: number, content: bigint): bigint {
  const head = (comparisons.indexOf(comparison) << shapeBits) | (shape & ((1 << shapeBits) - 1));
  // Shifting and adding would create four numbers.
  word.setBigUint64(0, content);
  word.setUint16(0, head);
  return word.getBigUint64(0);
}

/** Returns how the transaction with this digest can be compared. */
export function comparisonOf(digest: bigint): Comparison {
  return comparisons[Number(digest >> BigInt(contentBits + shapeBits))] ?? 'content';
}

/**
 * Compares two digests. Returns how far they agree: by content if the contents are equal, else by the most
 * that both can be compared by. Null if they differ in that.
 */
export function compareDigests(a: bigint, b: bigint): Comparison | null {
  if (a === b) return 'content';
  const [one, other] = [comparisonOf(a), comparisonOf(b)];
  if (one === 'origin' || other === 'origin') return 'origin';
  const shaped = one === 'shape' || other === 'shape';
  return shaped && shapeOf(a) === shapeOf(b) ? 'shape' : null;
}

/** Returns whether the contents are equal, whether they can be compared or not. */
export function sameContent(a: bigint, b: bigint): boolean {
  return BigInt.asUintN(contentBits, a) === BigInt.asUintN(contentBits, b);
}

/** Returns the weaker of two. */
export function weaker(a: Comparison, b: Comparison): Comparison {
  return comparisons.indexOf(a) < comparisons.indexOf(b) ? b : a;
}

function shapeOf(digest: bigint): bigint {
  return BigInt.asUintN(shapeBits, digest >> BigInt(contentBits));
}
