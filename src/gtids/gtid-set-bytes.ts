import { readSerializedInteger } from '../binlog/gtid-event.js';
import { WaymarkError } from '../util/errors.js';

/** Numbers from the first one up to the second one, which is no part of it. */
type Interval = readonly [first: bigint, end: bigint];

/** The transactions of a UUID, and of a tag where the set was written with tags. */
export type SetEntry = {
  readonly uuid: string;
  readonly tag: string | null;
  readonly intervals: readonly Interval[];
};

/**
 * Reads a GTID set of MySQL as PREVIOUS_GTIDS_LOG_EVENT has it: a number of UUIDs (8); for each one its bytes (16), the
 * number of intervals (8), and the two ends of each (8 + 8). With tags the topmost and the lowest byte of the first number
 * are 1, the number itself stands between, and a length and the tag come behind each UUID
 * (MySQL: sql/rpl_gtid_set.cc, Gtid_set::encode).
 */
export function readSet(bytes: Buffer): readonly SetEntry[] {
  let at = 0;
  const take = (length: number): number => {
    if (at + length > bytes.length) throw new WaymarkError('protocol', 'A set of GTIDs is cut off');
    at += length;
    return at - length;
  };
  const integer = (): bigint => bytes.readBigUInt64LE(take(8));
  const head = integer();
  const format = Number(head >> 56n);
  if (format > 1)
    throw new WaymarkError('protocol', `A set of GTIDs has the format ${format}, which is not known`);
  const count = Number(format === 1 ? (head >> 8n) & 0xffff_ffff_ffffn : head);
  const entries: SetEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const hex = bytes.toString('hex', take(16), at);
    const uuid = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
    let tag: string | null = null;
    if (format === 1) {
      const [length, next] = readSerializedInteger(bytes, at, bytes.length);
      at = next;
      tag = bytes.toString('utf8', take(Number(length)), at);
    }
    const intervals: Interval[] = [];
    for (let left = integer(); left > 0n; left -= 1n) intervals.push([integer(), integer()]);
    entries.push({ uuid, tag, intervals });
  }
  return entries;
}

/** A set as the servers print it: `uuid:1-5:7:tag:2-3,uuid:1`. The parts of a UUID follow each other. */
export function setText(entries: readonly SetEntry[]): string {
  return entries
    .map((entry, index) => {
      const isSame = entries[index - 1]?.uuid === entry.uuid;
      return `${isSame ? '' : `${index === 0 ? '' : ','}${entry.uuid}`}${partText(entry)}`;
    })
    .join('');
}

function partText({ tag, intervals }: SetEntry): string {
  const ranges = intervals.map(([first, end]) => (first === end - 1n ? `${first}` : `${first}-${end - 1n}`));
  return `${tag === null || tag === '' ? '' : `:${tag}`}:${ranges.join(':')}`;
}

/** Writes a GTID set as {@link readSet} reads it; in the form with tags only where there are some. */
export function writeSet(entries: readonly SetEntry[]): Buffer {
  const isTagged = entries.some(({ tag }) => tag !== null && tag !== '');
  const count = BigInt(entries.length);
  const parts: Buffer[] = [integer(isTagged ? (1n << 56n) | (count << 8n) | 1n : count)];
  for (const { uuid, tag, intervals } of entries) {
    parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
    // A length below 128 is one byte of the serialisation: no one-bits at its end, the value above them.
    if (isTagged) parts.push(Buffer.of((tag ?? '').length << 1), Buffer.from(tag ?? '', 'latin1'));
    parts.push(integer(BigInt(intervals.length)));
    for (const [first, end] of intervals) parts.push(integer(first), integer(end));
  }
  return Buffer.concat(parts);
}

function integer(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
