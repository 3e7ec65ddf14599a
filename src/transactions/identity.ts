/**
 * What tells a transaction from every other and is the same on every server that has it.
 *
 * `digest` says what is in it, and by what that can be compared ({@link digestOf}); `second` is the one in the header of
 * the first row event or statement; `origin` is the strongest mark the server's log gives: MariaDB's GTID as
 * `g:domain-server-sequence`, MySQL's original commit time (8.0.1 and later, with and without GTIDs) as
 * `c:microseconds`, the GTID of an older one as `u:uuid:number`, or `''` where there is nothing of the kind.
 */
export type Identity = {
  readonly digest: bigint;
  readonly second: number;
  readonly origin: string;
};

/**
 * By what a transaction can be compared with its copy in another server's log. `content`: by all there is. `shape`: by
 * tables and kinds of change, in order, because its row images lack columns or hold partial JSON (a session's
 * binlog_row_image, MySQL's binlog_row_value_options), and replicas log them in full. `origin`: not at all, because a
 * DML statement is in it (a session's binlog_format), and replicas log rows.
 */
export type Comparison = 'content' | 'shape' | 'origin';

/** In the order of their numbers: the weakest last. */
const comparisons: readonly Comparison[] = ['content', 'shape', 'origin'];

const contentBits = 48;
const shapeBits = 14;

const word = new DataView(new ArrayBuffer(8));

/**
 * A transaction's digest: in its 64 bits stand, from the top, by what it can be compared (2), its shape (14) and its
 * content (48). Any server's copy may be the one whose content can't be compared, so that every transaction needs its
 * shape; in one number trail, checkpoint and the records of a sink carry it without a byte more. Fourteen bits are
 * enough for what is proved by order and origin besides, and forty-eight still tell any two contents of a trail apart.
 */
export function digestOf(comparison: Comparison, shape: number, content: bigint): bigint {
  const head = (comparisons.indexOf(comparison) << shapeBits) | (shape & ((1 << shapeBits) - 1));
  // Not shifted and added: that would make four numbers on the way.
  word.setBigUint64(0, content);
  word.setUint16(0, head);
  return word.getBigUint64(0);
}

/** By what the transaction with this digest can be compared. */
export function comparisonOf(digest: bigint): Comparison {
  return comparisons[Number(digest >> BigInt(contentBits + shapeBits))] ?? 'content';
}

/**
 * By what two digests are found to be of one transaction: by content where that agrees, else by the most that both can
 * be compared by; null when they differ in that.
 */
export function likeness(a: bigint, b: bigint): Comparison | null {
  if (a === b) return 'content';
  const [one, other] = [comparisonOf(a), comparisonOf(b)];
  if (one === 'origin' || other === 'origin') return 'origin';
  const shaped = one === 'shape' || other === 'shape';
  return shaped && shapeOf(a) === shapeOf(b) ? 'shape' : null;
}

/** Whether the contents agree, whatever is known of by what they can be compared. */
export function sameContent(a: bigint, b: bigint): boolean {
  return BigInt.asUintN(contentBits, a) === BigInt.asUintN(contentBits, b);
}

/** The weaker of two. */
export function weaker(a: Comparison, b: Comparison): Comparison {
  return comparisons.indexOf(a) < comparisons.indexOf(b) ? b : a;
}

function shapeOf(digest: bigint): bigint {
  return BigInt.asUintN(shapeBits, digest >> BigInt(contentBits));
}
