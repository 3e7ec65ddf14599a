import { abortable } from '../util/abortable.js';
import { ZooKeeperError } from './zookeeper-error.js';
import { type ZooKeeperClient, zookeeperCode } from './zookeeper-client.js';

/**
 * Creates the missing nodes above a path, persistent and empty.
 * @throws ZooKeeperError, or the signal's reason.
 */
export async function createParents(
  client: ZooKeeperClient,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const parts = path.split('/').slice(1, -1);
  for (const count of parts.keys()) {
    const parent = `/${parts.slice(0, count + 1).join('/')}`;
    // Look first: an account may not have the right to create a node that is already there.
    const found = await abortable(client.exists(parent), signal);
    if (found.ok) continue;
    const made = await abortable(client.create(parent, Buffer.alloc(0)), signal);
    if (!made.ok && made.code !== zookeeperCode.nodeExists) throw new ZooKeeperError(made.code);
  }
}
