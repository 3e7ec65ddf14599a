import { runtime } from '../runtime/runtime.js';
import { type Address, formatAddress, mayHaveSecret, parseAddress } from './address.js';
import { WaymarkError } from '../util/errors.js';

/** A ZooKeeper connect string, taken apart. */
export type ZooKeeperAddress = {
  readonly servers: readonly Address[];
  /** Path on the servers that every path is below; '' when there is none. */
  readonly chroot: string;
};

const zookeeperPort = 2181;

/**
 * Reads `host:port,host:port,…` with an optional `/path` at the end; a missing port is 2181.
 * @throws WaymarkError `config` when the text has another form.
 */
export function parseZooKeeperAddress(connect: string): ZooKeeperAddress {
  const slash = connect.indexOf('/');
  const list = slash < 0 ? connect : connect.slice(0, slash);
  const chroot = slash < 0 ? '' : normalizeZnodePath(connect.slice(slash));
  const servers = list.split(',').map((part) => {
    const text = part.trim();
    try {
      return parseAddress(/:\d+$/.test(text) ? text : `${text}:${zookeeperPort}`);
    } catch (error) {
      throw new WaymarkError(
        'config',
        (mayHaveSecret(connect)
          ? 'This does not say where ZooKeeper is: '
          : `"${connect}" does not say where ZooKeeper is ("${text}" is no address): `) +
          'write HOST:PORT,HOST:PORT,…, for example zk1:2181,zk2:2181,zk3:2181',
        { cause: error },
      );
    }
  });
  return { servers, chroot: chroot === '/' ? '' : chroot };
}

/**
 * A znode's path without a slash at its end.
 * @throws WaymarkError `config` when it is no absolute path that ZooKeeper would take.
 */
export function normalizeZnodePath(path: string): string {
  const parts = path.replace(/\/$/, '').split('/').slice(1);
  const wrong = parts.some((part) => /^\.{0,2}$/.test(part) || hasControlCharacter(part));
  if (!path.startsWith('/') || wrong) {
    const shown = mayHaveSecret(path) ? 'this' : `"${path}"`;
    throw new WaymarkError('config', `${shown} is not a path in ZooKeeper: write one like /waymark`);
  }
  return `/${parts.join('/')}`;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}|\p{Cs}/u.test(text);
}

/** The servers as people wrote them, for messages. */
export function formatServers({ servers }: ZooKeeperAddress): string {
  return servers.map(formatAddress).join(', ');
}

/**
 * The same with all IP addresses in place of each name. Clients get no names, because the native one would look them
 * up itself, again and again, and block its whole process while a name server is slow.
 * @throws the name server's error when no server's name can be resolved.
 */
export async function resolveServers({ servers, chroot }: ZooKeeperAddress): Promise<ZooKeeperAddress> {
  const lookups = await Promise.allSettled(
    servers.map(async ({ host, port }) => {
      const found = await runtime().network.addressesOf(host);
      return found.map((address) => ({ host: address, port }));
    }),
  );
  const resolved = lookups.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  if (resolved.length > 0) return { servers: resolved, chroot };
  const failed = lookups.find((outcome) => outcome.status === 'rejected');
  throw failed?.reason instanceof Error ? failed.reason : new Error('no server has an address');
}
