import { WaymarkError } from '../util/errors.js';
import { type SetEntry, writeSet } from './gtid-set-bytes.js';

/** From the first number to the last one, both included. */
type Range = [first: bigint, last: bigint];

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagForm = /^[a-z_][a-z0-9_]{0,31}$/;
const rangeForm = /^(\d+)(?:-(\d+))?$/;
/** GNO_END (MySQL: sql/rpl_gtid.h) is one more. */
const highest = 2n ** 63n - 2n;

/** A GTID set of MySQL's, as `@@gtid_executed` has it, with tags (8.3 and later). */
export class GtidSet {
  /** By `uuid` or `uuid:tag`; ascending, without overlaps. */
  readonly #ranges = new Map<string, Range[]>();
  /** What {@link add} added to last. Nearly always, the next transaction is the next number of the same source. */
  #last: { readonly source: string; readonly range: Range } | null = null;

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
    if (this.#last !== null && this.#extends(gtid, this.#last)) return;
    const [source, number] = sourceAndNumber(gtid);
    this.#last = { source, range: this.#add(source, [number, number]) };
  }

  /** Whether a transaction is in the set; one without a GTID never is. @throws WaymarkError `usage`. */
  contains(gtid: string | null | undefined): boolean {
    if (gtid === null || gtid === undefined) return false;
    const [source, number] = sourceAndNumber(gtid);
    return this.#has(source, [number, number]);
  }

  /**
   * Whether every transaction of another set is in this one.
   * @param except a UUID whose transactions don't matter, with or without tags.
   * @param unless those of them that matter all the same.
   */
  includes(other: GtidSet, except = '', unless = new GtidSet()): boolean {
    for (const [source, ranges] of other.#ranges) {
      const matter = uuidOf(source) === except ? common(ranges, unless.#ranges.get(source) ?? []) : ranges;
      if (!matter.every((range) => this.#has(source, range))) return false;
    }
    return true;
  }

  /** The part of it with this UUID, with or without tags. */
  ownOf(uuid: string): GtidSet {
    const own = new GtidSet();
    for (const [source, ranges] of this.#ranges) {
      if (uuidOf(source) === uuid) for (const [first, last] of ranges) own.#add(source, [first, last]);
    }
    return own;
  }

  /** Adds every transaction of another set. */
  addAll(other: GtidSet): void {
    for (const [source, ranges] of other.#ranges) {
      for (const [first, last] of ranges) this.#add(source, [first, last]);
    }
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

  #has(source: string, [first, last]: Range): boolean {
    return (this.#ranges.get(source) ?? []).some(([from, to]) => from <= first && last <= to);
  }

  /** Adds the number right after the last one, without a search. Returns false if it is another one. */
  #extends(gtid: string, { source, range }: { readonly source: string; readonly range: Range }): boolean {
    const { length } = source;
    if (gtid.length <= length + 1 || gtid.charCodeAt(length) !== 0x3a || !gtid.startsWith(source))
      return false;
    const digits = gtid.slice(length + 1);
    if (digits !== String(range[1] + 1n)) return false;
    const next = this.#ranges.get(source)?.find(([first]) => first > range[1]);
    if (next !== undefined && next[0] <= range[1] + 2n) return false;
    range[1] += 1n;
    return true;
  }

  /** Returns the range that the numbers are in now. */
  #add(source: string, [first, last]: Range): Range {
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
    this.#last = null;
    return joined;
  }
}

function uuidOf(source: string): string {
  return source.split(':')[0] ?? '';
}

/** The numbers that are in both. */
function common(some: readonly Range[], others: readonly Range[]): Range[] {
  return some.flatMap(([first, last]) =>
    others
      .map(([from, to]): Range => [from > first ? from : first, to < last ? to : last])
      .filter(([from, to]) => from <= to),
  );
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
