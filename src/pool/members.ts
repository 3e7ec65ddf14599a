import { type Address, formatAddress } from '../config/address.js';
import type { Config } from '../config/schema.js';
import { type Account, type Instance, instanceBehind, instanceOf } from '../mysql/instance.js';

/** A server that the stream may be read from. */
export type Member = {
  /** `host:port` */
  readonly name: string;
  readonly instance: Instance;
  readonly priority: number;
  /** Taken only if no other member can go on. */
  readonly avoided: boolean;
  /** Set if it isn't in the configuration. */
  readonly discovered?: true;
};

/** A member that is found beside what the configuration names. */
export type FoundMember = {
  readonly address: Address;
  /** The configured server (`host:port`) whose host name has this address. Null: servers have reported it. */
  readonly of: string | null;
};

/**
 * The pool of a configuration: avoided members last, then by priority, highest first, else in the order of the file. The
 * addresses that were found of a configured host name take its place.
 * @param found members beside those that the configuration names. Those that servers reported come after those of the
 * same priority, 0.
 */
export function poolOf(
  { servers, source, failover }: Pick<Config, 'servers' | 'source' | 'failover'>,
  account: Account,
  found: readonly FoundMember[] = [],
): readonly Member[] {
  const avoided = new Set(failover.avoid.map(formatAddress));
  const member = (instance: Instance, of: string, priority: number): Member => {
    const name = formatAddress(instance.address);
    return { name, instance, priority, avoided: avoided.has(name) || avoided.has(of) };
  };
  const foundOf = (of: string | null): FoundMember[] => found.filter((one) => one.of === of);
  const behind = (server: Behind, of: string): Member[] =>
    foundOf(of).map(({ address }) => ({
      ...member(instanceBehind(server, address, account), of, server.priority),
      discovered: true,
    }));
  const configured = servers.map((server) => {
    const name = formatAddress(server.address);
    return { own: member(instanceOf(server, account), name, server.priority), behind: behind(server, name) };
  });
  const ofSource =
    source === undefined ? [] : behind({ address: source, priority: 0 }, formatAddress(source));
  const reported = foundOf(null).map(({ address }): Member => {
    const own = member({ address, account }, formatAddress(address), 0);
    return { ...own, discovered: true };
  });
  const all = [
    ...configured.flatMap((one) => (one.behind.length === 0 ? [one.own] : one.behind)),
    ...[...ofSource, ...reported],
  ];
  // The same address may be found in several ways, and be configured as well.
  const isFirst = ({ name }: Member, index: number): boolean =>
    all.findIndex((other) => other.name === name) === index;
  const literal = new Map(
    configured.flatMap(({ own, behind: found }) => (found.length === 0 ? [[own.name, own]] : [])),
  );
  return all
    .filter(isFirst)
    .map((one) => literal.get(one.name) ?? one)
    .toSorted((a, b) => Number(a.avoided) - Number(b.avoided) || b.priority - a.priority);
}

/** What the addresses of a host name have in common. */
type Behind = Pick<Config['servers'][number], 'address' | 'kind' | 'priority'>;

/** The member with this address. Null if there is none (any more). */
export function memberAt(pool: readonly Member[], address: Address): Member | null {
  const name = formatAddress(address);
  return pool.find((member) => member.name === name) ?? null;
}

/**
 * The configured source, which is only watched. Null if it must be found through the replicas. So it is if its host name
 * has several addresses, which are members then.
 */
export function configuredSource(
  { source }: Pick<Config, 'source'>,
  account: Account,
  found: readonly FoundMember[] = [],
): Member | null {
  if (source === undefined) return null;
  const name = formatAddress(source);
  if (found.some(({ of }) => of === name)) return null;
  return { name, instance: { address: source, account }, priority: 0, avoided: true };
}
