import { type Address, formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import type { Account, Instance } from '../mysql/instance.js';

/** A server that the stream may be read from. */
export type Member = {
  /** `host:port` */
  readonly name: string;
  readonly instance: Instance;
  readonly priority: number;
  /** Taken only if no other member can go on. */
  readonly avoided: boolean;
  /** Set if it isn't in the configuration: other servers have reported it. */
  readonly discovered?: true;
};

/**
 * The pool of a configuration: avoided members last, then by priority, highest first, else in the order of the file.
 * @param discovered members that were found beside those of the configuration. They come after those of the same
 * priority, 0.
 */
export function poolOf(
  { servers, failover }: Pick<Config, 'servers' | 'failover'>,
  account: Account,
  discovered: readonly Address[] = [],
): readonly Member[] {
  const avoided = new Set(failover.avoid.map(formatAddress));
  const configured = servers.map(({ address, priority, kind }): Member => ({
    name: formatAddress(address),
    instance: { address, account, ...(kind === undefined ? {} : { kind }) },
    priority,
    avoided: avoided.has(formatAddress(address)),
  }));
  const found = discovered
    .map((address): Member => ({
      name: formatAddress(address),
      instance: { address, account },
      priority: 0,
      avoided: avoided.has(formatAddress(address)),
      discovered: true,
    }))
    .filter(({ name }) => !configured.some((member) => member.name === name));
  return [...configured, ...found].toSorted(
    (a, b) => Number(a.avoided) - Number(b.avoided) || b.priority - a.priority,
  );
}

/** The member with this address. Null if there is none (any more). */
export function memberAt(pool: readonly Member[], address: Address): Member | null {
  const name = formatAddress(address);
  return pool.find((member) => member.name === name) ?? null;
}

/** The configured source, which is only watched. Null if it must be found through the replicas. */
export function configuredSource({ source }: Pick<Config, 'source'>, account: Account): Member | null {
  if (source === undefined) return null;
  return { name: formatAddress(source), instance: { address: source, account }, priority: 0, avoided: true };
}
