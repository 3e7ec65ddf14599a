import { type Anchor, type Identity, isAnchor, nameOfAnchor, type TrailEntry } from '../matching/trail.js';

import { type VarintReader, VarintWriter, MalformedRecord } from './varints.js';

/** What an anchor in the record's header is: a hint that doesn't ascend, one that does, or a GTID. */
const anchorTag = { plainHint: 0, ascendingHint: 1, gtid: 2 } as const;
type AnchorTag = (typeof anchorTag)[keyof typeof anchorTag];

/** An anchor in the record's header: its name, what it is, index into `files`, position. */
type AnchorRow = readonly [name: string, tag: AnchorTag, file: number, position: number];

/** The part of a trail in the record's header: anchors, and the dictionaries that the columns refer to. */
export type TrailHeader = {
  /** Called so since there were only hints. */
  readonly hints: readonly AnchorRow[];
  readonly files: readonly string[];
  /** `DOMAIN-SERVER` of MariaDB GTIDs. */
  readonly gtidGroups: readonly string[];
  /** Origins that have no shorter form. */
  readonly literals: readonly string[];
};

/** A trail column by column. Similar values are side by side, so they compress well. */
export type TrailColumns = {
  readonly header: TrailHeader;
  /** Run lengths, seconds, kinds of origin, and the origins' numbers. They compress well. */
  readonly numbers: Buffer;
  /** 8 bytes per transaction, little-endian. They are random, so compressing them gains nothing. */
  readonly digests: Buffer;
};

/** The bytes of a digest. */
export const digestBytes = 8;

const noOrigin = 0;
const commitTime = 1;
const literal = 2;
/** Tags from here on are MariaDB GTIDs: this number plus the index of the group. */
const firstGroup = 3;

/**
 * Up to this number, differences are exact and fit VarintWriter.zigzag. An origin with a larger number is
 * kept as text.
 */
const largestNumber = 2 ** 51;
const digits = /^(?:0|[1-9]\d{0,15})$/;

/** Gives each text an index, in order of first appearance. */
class Dictionary {
  readonly texts: string[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const index = this.texts.length;
    this.#indexes.set(text, index);
    this.texts.push(text);
    return index;
  }
}

/**
 * Writes each origin as a tag. If it holds a number, the difference from the last one with the same tag
 * follows.
 */
class OriginWriter {
  readonly tags = new VarintWriter();
  readonly numbers = new VarintWriter();
  readonly groups = new Dictionary();
  readonly literals = new Dictionary();
  readonly #last: number[] = [];

  write(origin: string): void {
    if (origin === '') {
      this.tags.varint(noOrigin);
    } else if (origin.startsWith('c:') && this.#number(origin.slice(2), () => commitTime)) {
      return;
    } else if (origin.startsWith('g:')) {
      const dash = origin.lastIndexOf('-');
      const group = (): number => firstGroup + this.groups.indexOf(origin.slice(2, dash));
      if (dash < 2 || !this.#number(origin.slice(dash + 1), group)) this.#literal(origin);
    } else {
      this.#literal(origin);
    }
  }

  #number(text: string, tagOf: () => number): boolean {
    // Only shorten what decodes to exactly the same text.
    if (!digits.test(text)) return false;
    const value = Number(text);
    if (value > largestNumber) return false;
    const tag = tagOf();
    this.tags.varint(tag);
    this.numbers.zigzag(value - (this.#last[tag] ?? 0));
    this.#last[tag] = value;
    return true;
  }

  #literal(origin: string): void {
    this.tags.varint(literal);
    this.numbers.varint(this.literals.indexOf(origin));
  }
}

/**
 * Encodes the entries from index `start` on as columns.
 * @throws RangeError if a digest isn't an unsigned 64-bit number, or a second or position isn't a natural
 *   number.
 */
export function encodeTrail(entries: readonly TrailEntry[], start = 0): TrailColumns {
  const hints: AnchorRow[] = [];
  const files = new Dictionary();
  const runs = new VarintWriter();
  const seconds = new VarintWriter();
  const origins = new OriginWriter();
  const digests = Buffer.allocUnsafe((entries.length - start) * digestBytes);
  let digestsEnd = 0;
  let run = 0;
  let lastSecond = 0;
  for (let index = start; index < entries.length; index += 1) {
    const entry = entries[index];
    if (entry === undefined) break;
    if (isAnchor(entry)) {
      const { coordinates } = entry;
      if (!Number.isSafeInteger(coordinates.position) || coordinates.position < 0) {
        throw new RangeError(`${coordinates.position} is not a position`);
      }
      hints.push([nameOfAnchor(entry), tagOf(entry), files.indexOf(coordinates.file), coordinates.position]);
      runs.varint(run);
      run = 0;
    } else {
      const { digest, second, origin } = entry.identity;
      digestsEnd = digests.writeBigUInt64LE(digest, digestsEnd);
      if (!(second >= 0 && second <= largestNumber)) throw new RangeError(`${second} is not a second`);
      seconds.zigzag(second - lastSecond);
      lastSecond = second;
      origins.write(origin);
      run += 1;
    }
  }
  runs.varint(run);
  return {
    header: { hints, files: files.texts, gtidGroups: origins.groups.texts, literals: origins.literals.texts },
    numbers: Buffer.concat([
      runs.finish(),
      seconds.finish(),
      origins.tags.finish(),
      origins.numbers.finish(),
    ]),
    digests: digests.subarray(0, digestsEnd),
  };
}

function tagOf(anchor: Anchor): AnchorTag {
  if (anchor.kind === 'gtid') return anchorTag.gtid;
  return anchor.hint.ascending ? anchorTag.ascendingHint : anchorTag.plainHint;
}

/**
 * Decodes the columns. Numbers in the record alone allocate nothing: the run lengths must match the digests
 * that are really there.
 * @throws MalformedRecord if the columns don't match.
 */
export function decodeTrail(header: TrailHeader, numbers: VarintReader, digests: Buffer): TrailEntry[] {
  const runs = header.hints.map(() => numbers.varint());
  const lastRun = numbers.varint();
  const count = runs.reduce((sum, run) => sum + run, lastRun);
  if (count * digestBytes !== digests.length) throw new MalformedRecord('its trail has gaps');
  const identities = decodeIdentities(header, numbers, digests);
  const entries: TrailEntry[] = [];
  let next = 0;
  const takeRun = (run: number): void => {
    for (const identity of identities.slice(next, next + run))
      entries.push({ kind: 'transaction', identity });
    next += run;
  };
  header.hints.forEach(([name, tag, fileIndex, position], index) => {
    takeRun(runs[index] ?? 0);
    const coordinates = { file: textAt(header.files, fileIndex), position };
    entries.push(
      tag === anchorTag.gtid
        ? { kind: 'gtid', gtid: name, coordinates }
        : { kind: 'hint', hint: { token: name, ascending: tag === anchorTag.ascendingHint }, coordinates },
    );
  });
  takeRun(lastRun);
  return entries;
}

function decodeIdentities(header: TrailHeader, numbers: VarintReader, digests: Buffer): Identity[] {
  const count = digests.length / digestBytes;
  const seconds: number[] = [];
  let second = 0;
  for (let index = 0; index < count; index += 1) {
    second += numbers.zigzag();
    seconds.push(second);
  }
  const tags: number[] = [];
  for (let index = 0; index < count; index += 1) tags.push(numbers.varint());
  const last = new Map<number, number>();
  return tags.map((tag, index) => ({
    digest: digests.readBigUInt64LE(index * digestBytes),
    second: seconds[index] ?? 0,
    origin: decodeOrigin(header, numbers, tag, last),
  }));
}

function decodeOrigin(
  header: TrailHeader,
  numbers: VarintReader,
  tag: number,
  last: Map<number, number>,
): string {
  if (tag === noOrigin) return '';
  if (tag === literal) return textAt(header.literals, numbers.varint());
  const value = (last.get(tag) ?? 0) + numbers.zigzag();
  last.set(tag, value);
  return tag === commitTime
    ? `c:${String(value)}`
    : `g:${textAt(header.gtidGroups, tag - firstGroup)}-${String(value)}`;
}

function textAt(texts: readonly string[], index: number): string {
  const text = texts[index];
  if (text === undefined) throw new MalformedRecord('its trail refers to a text that is not there');
  return text;
}
