import { isIP } from 'node:net';
import { type Address, formatAddress, socketPathOf } from '../config/address.js';
import { type Account, instanceBehind, instanceOf, type ServerKind } from '../mysql/instance.js';
import { runtime } from '../runtime/runtime.js';
import { surveyServer } from '../topology/surveyed-server.js';
import { abortable } from '../util/abortable.js';
import { sleep } from '../util/async.js';
import { messageOf } from '../util/errors.js';
import { within } from '../util/limits.js';
import { watchLoop } from '../util/watch-loop.js';
import { discoveredLimit, fullPool, type Presence, presenceOf } from './discovered.js';
import { type ListedMember, MemberList, type MemberListOptions } from './member-list.js';
import type { FoundMember } from './members.js';

/** A server of the configuration. */
export type NamedServer = {
  readonly address: Address;
  readonly kind?: ServerKind | undefined;
  /** Whether its name counts only if it has several addresses: the source's. */
  readonly onlySeveral?: true;
};

export type HostNamesOptions = MemberListOptions & {
  /** The configured members, and the source if it is configured, as they are now. */
  readonly configured: () => readonly NamedServer[];
};

/** What the resolver says of one configured server. Null: it can't say. */
type Answer = { readonly server: NamedServer; readonly addresses: readonly Address[] | null };

/** From one round to the next. */
const roundMs = 5000;
const resolveMs = 3000;
const lookMs = 3000;

/**
 * Finds the members that the host names of the configuration stand for: a name may have several addresses, and others
 * tomorrow. Whatever has an address of a name is a member. If it can't be read, the stream passes it over as it does a
 * configured one.
 */
export class HostNames {
  readonly #options: HostNamesOptions;
  /** The members that names have led to, or the checkpoint (`of` is null). */
  readonly #list: MemberList;
  /** Why names couldn't be resolved when they were last tried, by host. */
  readonly #unresolved = new Map<string, string>();
  /** The lookups that run, by host: one that hangs is not begun again beside itself. */
  readonly #lookups = new Map<string, Promise<readonly string[]>>();
  /** Addresses for which there was no room. */
  readonly #refused = new Set<string>();

  constructor(options: HostNamesOptions) {
    this.#options = options;
    this.#list = new MemberList(options);
  }

  /**
   * The stream was read from this server, as its checkpoint says. So it is a member, even if no name has its address
   * now.
   */
  remember(address: Address): void {
    this.#list.remember(address, this.#options.configured(), 'the checkpoint names it');
  }

  /** Resolves all names once. A name that can't be resolved stays a member itself. */
  async begin(signal: AbortSignal): Promise<void> {
    await this.#round(null, signal);
  }

  /** Resolves the names every few seconds until the signal fires. Never rejects. */
  async run(account: Account, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    // They have just been resolved.
    await sleep(roundMs, signal).catch(() => undefined);
    const round = (): Promise<void> => this.#round(account, signal);
    await watchLoop(roundMs, 'resolving host names', round, { logger, signal });
  }

  /** @param account Null: nobody is looked at, and nobody leaves. */
  async #round(account: Account | null, signal: AbortSignal): Promise<void> {
    const { members } = this.#list;
    const named = this.#options.configured().filter(({ address }) => isHostName(address));
    const answers = await Promise.all(
      named.map(async (server) => ({ server, addresses: await this.#resolve(server, signal) })),
    );
    const listed = listedBy(answers, members);
    const reported = new Set(listed.map(({ address }) => formatAddress(address)));
    const names = new Set(named.map(({ address }) => formatAddress(address)));
    const present = members.filter(({ of }) => of === null || names.has(of));
    const presence = await this.#presence(present, reported, account, signal);
    const kept = this.#list.settled(present, presence, 'no name has had its address');
    this.#list.set([...kept, ...this.#newAmong(listed, kept)]);
  }

  #newAmong(listed: readonly FoundMember[], kept: readonly ListedMember[]): ListedMember[] {
    const known = new Set(kept.map(({ address }) => formatAddress(address)));
    const joined: ListedMember[] = [];
    for (const found of listed) {
      const server = formatAddress(found.address);
      if (known.has(server)) continue;
      known.add(server);
      if (kept.length + joined.length < discoveredLimit) {
        const name = found.of ?? '';
        joined.push(this.#list.joined(found, name, `${name} has its address`));
      } else this.#refuse(server);
    }
    return joined;
  }

  /** Who is there. Servers are asked only if there is one that no name has. */
  async #presence(
    members: readonly ListedMember[],
    reported: ReadonlySet<string>,
    account: Account | null,
    signal: AbortSignal,
  ): Promise<Presence> {
    const isSure = members.every(({ address }) => reported.has(formatAddress(address)));
    if (isSure || account === null) return { answers: new Set(), reported };
    const hosts = new Map(
      this.#options.configured().map(({ address, kind }) => [formatAddress(address), { address, kind }]),
    );
    const looks = members.map(({ address, of }) => {
      const server = of === null ? undefined : hosts.get(of);
      const instance =
        server === undefined ? instanceOf({ address }, account) : instanceBehind(server, address, account);
      return surveyServer(instance, signal, lookMs);
    });
    const { answers } = presenceOf(await Promise.all(looks));
    return { answers, reported };
  }

  async #resolve({ address }: NamedServer, signal: AbortSignal): Promise<readonly Address[] | null> {
    const { host } = address;
    try {
      const addresses = await addressesOf(address, signal, (name) => this.#lookUp(name));
      this.#unresolved.delete(host);
      return addresses;
    } catch (error) {
      signal.throwIfAborted();
      const reason = messageOf(error);
      if (this.#unresolved.get(host) !== reason) {
        this.#options.logger.warn(
          { event: 'name.unresolved', name: host, reason },
          `${host} can't be resolved: ${reason}. The members that it has led to stay`,
        );
      }
      this.#unresolved.set(host, reason);
      return null;
    }
  }

  #lookUp(host: string): Promise<readonly string[]> {
    const running = this.#lookups.get(host);
    if (running !== undefined) return running;
    const lookup = runtime()
      .network.addressesOf(host)
      .finally(() => this.#lookups.delete(host));
    this.#lookups.set(host, lookup);
    return lookup;
  }

  #refuse(server: string): void {
    if (this.#refused.has(server)) return;
    this.#refused.add(server);
    this.#list.refused(server, fullPool);
  }
}

/**
 * The members that the names stand for. Of a name that can't be resolved, those that it has led to before. Pure.
 */
function listedBy(answers: readonly Answer[], before: readonly FoundMember[]): FoundMember[] {
  return answers.flatMap(({ server, addresses }) => {
    const of = formatAddress(server.address);
    const known = before.filter((member) => member.of === of);
    if (addresses === null) return known;
    // Once a name had several addresses, its last one stays a member by its address.
    if (server.onlySeveral === true && addresses.length < 2 && known.length === 0) return [];
    return addresses.map((address) => ({ address, of }));
  });
}

/** Whether an address has a host name, which may have several IP addresses. Pure. */
export function isHostName(address: Address): boolean {
  return isIP(address.host) === 0 && socketPathOf(address) === null;
}

/**
 * The addresses of a host name, in an order that doesn't change. A server often has an address of each family. So only
 * those of the family that the system prefers count.
 * @throws the resolver's error, `TimeOver`, or the signal's reason.
 */
export async function addressesOf(
  { host, port }: Address,
  signal: AbortSignal,
  lookUp = (name: string): Promise<readonly string[]> => runtime().network.addressesOf(name),
): Promise<Address[]> {
  const found = await within(resolveMs, [signal], (limited) => abortable(lookUp(host), limited));
  const family = isIP(found[0] ?? '');
  const own = [...new Set(found)].filter((address) => isIP(address) === family);
  return own.toSorted().map((address) => ({ host: address, port }));
}
