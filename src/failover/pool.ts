import { type Address, formatAddress } from '../config/address.js';
import type { ServerConfig } from '../config/schema.js';
import type { Account, Instance } from '../mysql/connection.js';

/** A server that the stream may be read from. */
export type Member = {
  /** `host:port` */
  readonly name: string;
  readonly instance: Instance;
  readonly priority: number;
};

/** The pool of a configuration, highest priority first, else in the order in which it is written. */
export function poolOf(servers: readonly ServerConfig[], account: Account): readonly Member[] {
  return servers
    .map(({ address, priority, kind }) => ({
      name: formatAddress(address),
      instance: { address, account, ...(kind === undefined ? {} : { kind }) },
      priority,
    }))
    .toSorted((a, b) => b.priority - a.priority);
}

/** The member with this address; null when it isn't one (any more). */
export function memberAt(pool: readonly Member[], address: Address): Member | null {
  const name = formatAddress(address);
  return pool.find((member) => member.name === name) ?? null;
}
