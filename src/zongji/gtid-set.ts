import { WaymarkError } from '../util/errors.js';
import { type SetEntry, writeSet } from './gtid-set-bytes.js';

/** From the first number to the last one, both included. */
type Range = readonly [first: bigint, last: bigint];

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagForm = /^[a-z_][a-z0-9_]{0,31}$/;
const rangeForm = /^(\d+)(?:-(\d+))?$/;
/** GNO_END (MySQL: sql/rpl_gtid.h) is one more. */
const highest = 2n ** 63n - 2n;

/** A GTID set of MySQL's, as `@@gtid_executed` has it, with tags (8.3 and later). */
export class GtidSet {
  /** By `uuid` or `uuid:tag`; ascending, without overlaps. */
  readonly #ranges = new Map<string, readonly Range[]>();

  /**
   * Reads `uuid:1-5:11:tag:1-3,uuid:…`; '' is the empty set.
   * @throws WaymarkError `usage` for what isn't one.
   */
  static parse(text: string): GtidSet {
    const set = new GtidSet();
    for (const block of text.replace(/\s/g, '').split(',')) {
      if (block === '') continue;
      const [uuid = '', ...items] = block.toLowerCase().split(':');
      if (!uuidForm.test(uuid) || items.length === 0) throw malformed(text);
      let source = uuid;
      for (const item of items) {
        if (tagForm.test(item)) source = `${uuid}:${item}`;
        else set.#add(source, rangeOf(item, text));
      }
    }
    return set;
  }

  /** The set of a PREVIOUS_GTIDS event. */
  static of(entries: readonly SetEntry[]): GtidSet {
    const set = new GtidSet();
    for (const { uuid, tag, intervals } of entries) {
      const source = tag === null || tag === '' ? uuid : `${uuid}:${tag}`;
      for (const [first, end] of intervals) set.#add(source, [first, end - 1n]);
    }
    return set;
  }

  /** Adds a transaction: `uuid:5` or `uuid:tag:5`. @throws WaymarkError `usage`. */
  add(gtid: string): void {
    const [source, number] = sourceAndNumber(gtid);
    this.#add(source, [number, number]);
  }

  /** Whether a transaction is in the set; one without a GTID never is. @throws WaymarkError `usage`. */
  contains(gtid: string | null | undefined): boolean {
    if (gtid === null || gtid === undefined) return false;
    const [source, number] = sourceAndNumber(gtid);
    return (this.#ranges.get(source) ?? []).some(([first, last]) => first <= number && number <= last);
  }

  isEmpty(): boolean {
    return this.#ranges.size === 0;
  }

  /** In the order of UUIDs; what has a tag comes behind what has none. */
  toString(): string {
    const blocks = new Map<string, string>();
    for (const { uuid, tag, intervals } of this.#entries()) {
      const ranges = intervals.map(([first, end]) =>
        first === end - 1n ? `${first}` : `${first}-${end - 1n}`,
      );
      const part = `${tag === null ? '' : `:${tag}`}:${ranges.join(':')}`;
      blocks.set(uuid, (blocks.get(uuid) ?? uuid) + part);
    }
    return [...blocks.values()].join(',');
  }

  /** As COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS_LOG_EVENT have it. */
  encode(): Buffer {
    return writeSet(this.#entries());
  }

  #entries(): readonly SetEntry[] {
    return [...this.#ranges]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([source, ranges]) => {
        const [uuid = '', tag = null] = source.split(':');
        return { uuid, tag, intervals: ranges.map(([first, last]) => [first, last + 1n] as const) };
      });
  }

  #add(source: string, [first, last]: Range): void {
    const ranges = this.#ranges.get(source) ?? [];
    // What touches the new one becomes a part of it.
    const touching = ranges.filter(([from, to]) => from <= last + 1n && to >= first - 1n);
    const joined: Range = [
      touching.reduce((least, [from]) => (from < least ? from : least), first),
      touching.reduce((most, [, to]) => (to > most ? to : most), last),
    ];
    const others = ranges.filter((range) => !touching.includes(range));
    this.#ranges.set(
      source,
      [...others, joined].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
}

function sourceAndNumber(gtid: string): [source: string, number: bigint] {
  const parts = gtid.toLowerCase().split(':');
  const [uuid = '', tag] = parts;
  const [first, last] = rangeOf(parts.at(-1) ?? '', gtid);
  const isTagged = parts.length === 3 && tag !== undefined && tagForm.test(tag);
  if (!uuidForm.test(uuid) || !(isTagged || parts.length === 2) || first !== last) throw malformed(gtid);
  return [isTagged ? `${uuid}:${tag}` : uuid, first];
}

function rangeOf(text: string, whole: string): Range {
  const match = rangeForm.exec(text);
  const [first, last] = [BigInt(match?.[1] ?? 0), BigInt(match?.[2] ?? match?.[1] ?? 0)];
  if (first < 1n || last < first || last > highest) throw malformed(whole);
  return [first, last];
}

function malformed(text: string): WaymarkError {
  return new WaymarkError('usage', `Invalid GTID set of MySQL's: "${text}"`);
}
