import type { Identity } from './trail.js';

/**
 * Whether two identities are one transaction's: the contents agree, and so do the origins, where both servers give
 * one of the same kind; else the seconds.
 */
export function sameTransaction(a: Identity, b: Identity): boolean {
  return a.digest === b.digest && sameOrigin(a, b);
}

/** Whether two transactions have the same mark of origin, whatever their contents. */
function sameOrigin(a: Identity, b: Identity): boolean {
  if (a.origin !== '' && b.origin !== '' && b.origin.startsWith(a.origin.slice(0, 2)))
    return a.origin === b.origin;
  return a.second === b.second;
}

/** A bag of identities, each with a number: what is put in twice can be taken out twice, the first one first. */
export class IdentityBag {
  readonly #byDigest = new Map<bigint, { identity: Identity; value: number }[]>();
  readonly #origins = new Set<string>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(identity: Identity, value: number): void {
    const same = this.#byDigest.get(identity.digest);
    if (same) same.push({ identity, value });
    else this.#byDigest.set(identity.digest, [{ identity, value }]);
    if (identity.origin !== '') this.#origins.add(identity.origin);
    this.#size += 1;
  }

  /** Takes out an identity of the same transaction and gives its number; null when there is none. */
  take(identity: Identity): number | null {
    const same = this.#byDigest.get(identity.digest);
    const at = same?.findIndex((held) => sameTransaction(held.identity, identity)) ?? -1;
    if (!same || at < 0) return null;
    const [taken] = same.splice(at, 1);
    if (same.length === 0) this.#byDigest.delete(identity.digest);
    this.#size -= 1;
    return taken?.value ?? null;
  }

  /** Whether something with this mark of origin has been put in: with another digest, the contents differ. */
  sameOrigin(identity: Identity): boolean {
    return identity.origin !== '' && this.#origins.has(identity.origin);
  }
}
