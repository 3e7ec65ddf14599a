import { type Comparison, comparisonOf, likeness } from '../binlog/identity.js';
import type { Identity } from './trail.js';

/**
 * By what two identities are found to be one transaction's; null when they are two's. The origins must agree, where
 * both servers give one of the same kind; else the seconds. Then the contents must, as far as they can be compared.
 */
export function compareIdentities(a: Identity, b: Identity): Comparison | null {
  return sameOrigin(a, b) ? likeness(a.digest, b.digest) : null;
}

/** Whether two identities are one transaction's: see {@link compareIdentities}. */
export function sameTransaction(a: Identity, b: Identity): boolean {
  return compareIdentities(a, b) !== null;
}

/** Whether two transactions have the same mark of origin, whatever their contents. */
function sameOrigin(a: Identity, b: Identity): boolean {
  if (a.origin !== '' && b.origin !== '' && b.origin.startsWith(a.origin.slice(0, 2)))
    return a.origin === b.origin;
  return a.second === b.second;
}

/** Whether an origin is a GTID, under which a server has one transaction and no other; two can share a commit time. */
function isGtid(origin: string): boolean {
  return /^[glu]:/.test(origin);
}

/** An identity in a bag, and its number. */
type Held = { readonly identity: Identity; readonly value: number; taken: boolean };

/** A bag of identities, each with a number: what is put in twice can be taken out twice, the first one first. */
export class IdentityBag {
  readonly #byDigest = new Map<bigint, Held[]>();
  /** Also what has been taken out. */
  readonly #byOrigin = new Map<string, Held[]>();
  /** Made when it is first needed: for what can't be compared by content, and has no mark in common. */
  #bySecond: Map<number, Held[]> | null = null;
  /** Whether anything has been put in that can't be compared by content. */
  #hasIncomparable = false;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(identity: Identity, value: number): void {
    const held = { identity, value, taken: false };
    push(this.#byDigest, identity.digest, held);
    if (identity.origin !== '') push(this.#byOrigin, identity.origin, held);
    if (this.#bySecond) push(this.#bySecond, identity.second, held);
    this.#hasIncomparable ||= comparisonOf(identity.digest) !== 'content';
    this.#size += 1;
  }

  /**
   * Takes out an identity of the same transaction; gives its number, and by what it was found to be the same. One with
   * the same content is preferred. Null when there is none.
   */
  take(identity: Identity): { readonly value: number; readonly by: Comparison } | null {
    const held = this.#find(identity);
    if (held === undefined) return null;
    held.taken = true;
    this.#size -= 1;
    const { digest } = held.identity;
    const same = this.#byDigest.get(digest);
    same?.splice(same.indexOf(held), 1);
    if (same?.length === 0) this.#byDigest.delete(digest);
    return { value: held.value, by: likeness(digest, identity.digest) ?? 'origin' };
  }

  /** Whether something with this mark of origin has been put in: with another digest, the contents differ. */
  sameOrigin(identity: Identity): boolean {
    return this.#byOrigin.has(identity.origin);
  }

  /**
   * The number of what has been put in under the same GTID and is, by its content, another transaction; null when
   * nothing has, or the contents can't be compared.
   */
  otherContent(identity: Identity): number | null {
    if (!isGtid(identity.origin)) return null;
    const same = this.#byOrigin.get(identity.origin) ?? [];
    const differ = same.every((held) => likeness(held.identity.digest, identity.digest) === null);
    return differ ? (same[0]?.value ?? null) : null;
  }

  #find(identity: Identity): Held | undefined {
    const same = this.#byDigest
      .get(identity.digest)
      ?.find((held) => sameTransaction(held.identity, identity));
    if (same || !(this.#hasIncomparable || comparisonOf(identity.digest) !== 'content')) return same;
    const isIt = (held: Held): boolean => !held.taken && sameTransaction(held.identity, identity);
    return this.#byOrigin.get(identity.origin)?.find(isIt) ?? this.#ofSecond(identity.second).find(isIt);
  }

  #ofSecond(second: number): readonly Held[] {
    if (this.#bySecond === null) {
      this.#bySecond = new Map();
      for (const held of [...this.#byDigest.values()].flat().toSorted((a, b) => a.value - b.value)) {
        push(this.#bySecond, held.identity.second, held);
      }
    }
    const list = this.#bySecond.get(second) ?? [];
    while (list[0]?.taken) list.shift();
    return list;
  }
}

function push<Key>(map: Map<Key, Held[]>, key: Key, held: Held): void {
  const list = map.get(key);
  if (list) list.push(held);
  else map.set(key, [held]);
}
