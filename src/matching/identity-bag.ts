import { type NumberInDomain, numberInDomain } from '../binlog/mariadb-gtid.js';
import { type Comparison, comparisonOf, compareDigests } from '../transactions/identity.js';
import type { Identity } from './trail.js';

/**
 * How two identities were found to be the same transaction. Null if they differ. The origins must agree if both
 * servers have one of the same kind, else the seconds. Then the contents must agree, as far as they can be compared.
 */
export function compareIdentities(a: Identity, b: Identity): Comparison | null {
  return sameOrigin(a, b) ? compareDigests(a.digest, b.digest) : null;
}

/** Whether two identities are one transaction's: see {@link compareIdentities}. */
export function sameTransaction(a: Identity, b: Identity): boolean {
  return compareIdentities(a, b) !== null;
}

/** Whether two transactions have the same mark of origin, whatever their contents. */
function sameOrigin(a: Identity, b: Identity): boolean {
  if (a.origin !== '' && b.origin.startsWith(a.origin.slice(0, 2))) return a.origin === b.origin;
  return a.second === b.second;
}

/** Whether an origin is a GTID. A GTID is unique on a server. Two transactions can share a commit time. */
function isGtid(origin: string): boolean {
  return /^[glu]:/.test(origin);
}

/**
 * Whether two MariaDB GTIDs have the same number in the same domain, whatever their server id. A replica that is
 * killed within an ALTER and finishes it from its DDL log when it starts again may log it itself, under its own
 * server id and the number that the source gave it (seen on 10.11; MariaDB: sql/ddl_log.cc,
 * ddl_log_execute_recovery).
 */
export function sameNumber(a: Identity, b: Identity): boolean {
  const [one, other] = [gtidNumberOf(a), gtidNumberOf(b)];
  return one !== null && one.domain === other?.domain && one.sequence === other.sequence;
}

function gtidNumberOf({ origin }: Identity): NumberInDomain | null {
  return origin.startsWith('g:') ? numberInDomain(origin.slice(2)) : null;
}

/** An identity in a bag, and its number. */
type Held = { readonly identity: Identity; readonly value: number; taken: boolean };

/** A multiset of numbered identities. What was put in twice can be taken out twice, the first one first. */
export class IdentityBag {
  readonly #byDigest = new Map<bigint, Held[]>();
  /** Also what has been taken out. */
  readonly #byOrigin = new Map<string, Held[]>();
  /** Built on demand: for transactions that can't be compared by content and have no origin in common. */
  #bySecond: Map<number, Held[]> | null = null;
  /** Whether anything has been put in that can't be compared by content. */
  #hasIncomparable = false;
  #size = 0;
  readonly #keepsTaken: boolean;

  /** @param keepsTaken whether what has been taken out still answers for its origin. */
  constructor({ keepsTaken } = { keepsTaken: true }) {
    this.#keepsTaken = keepsTaken;
  }

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
   * Takes out an identity of the same transaction. Returns its number and how it was compared. Prefers the same
   * content. Null if there is none.
   */
  take(identity: Identity): { readonly value: number; readonly by: Comparison } | null {
    const held = this.#find(identity);
    return held === undefined ? null : this.#takeOut(held, identity);
  }

  /** Takes out what was put in under this number. */
  remove(identity: Identity, value: number): void {
    const held = this.#byDigest.get(identity.digest)?.find((one) => one.value === value);
    if (held !== undefined) this.#takeOut(held, identity);
  }

  /**
   * Takes out a transaction that a replica has logged itself in place of its source's: the same content, with the
   * same number in the same domain. Returns the identity that the other servers have.
   */
  takeRecovered(
    identity: Identity,
  ): { readonly value: number; readonly by: Comparison; readonly identity: Identity } | null {
    const held = this.#byDigest.get(identity.digest)?.find((one) => sameNumber(one.identity, identity));
    return held === undefined ? null : { ...this.#takeOut(held, identity), identity: held.identity };
  }

  #takeOut(held: Held, identity: Identity): { readonly value: number; readonly by: Comparison } {
    held.taken = true;
    this.#size -= 1;
    const { digest } = held.identity;
    remove(this.#byDigest, digest, held);
    if (!this.#keepsTaken) this.#drop(held);
    return { value: held.value, by: compareDigests(digest, identity.digest) ?? 'origin' };
  }

  #drop(held: Held): void {
    const { origin, second } = held.identity;
    if (origin !== '') remove(this.#byOrigin, origin, held);
    if (this.#bySecond !== null) remove(this.#bySecond, second, held);
  }

  /** The number of the first transaction of this origin. Null if there is none. */
  ofOrigin(origin: string): number | null {
    return this.#byOrigin.get(origin)?.find(({ taken }) => !taken)?.value ?? null;
  }

  /** Whether a transaction of this origin has been put in. If its digest differs, the contents differ. */
  sameOrigin(identity: Identity): boolean {
    return this.#byOrigin.has(identity.origin);
  }

  /**
   * The number of a transaction with the same GTID and other content. Null if there is none, or if the contents can't
   * be compared.
   */
  otherContent(identity: Identity): number | null {
    if (!isGtid(identity.origin)) return null;
    const same = this.#byOrigin.get(identity.origin) ?? [];
    const differ = same.every((held) => compareDigests(held.identity.digest, identity.digest) === null);
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

function remove<Key>(map: Map<Key, Held[]>, key: Key, held: Held): void {
  const list = map.get(key);
  // Nearly all are alone, and to cut one out of a list makes another list.
  if (list === undefined || list.length === 1) map.delete(key);
  else list.splice(list.indexOf(held), 1);
}

function push<Key>(map: Map<Key, Held[]>, key: Key, held: Held): void {
  const list = map.get(key);
  if (list) list.push(held);
  else map.set(key, [held]);
}
