import { abortable } from '../util/abortable.js';
import { ZooKeeperRefusal } from './refusal.js';
import { type ZooKeeperClient, zookeeperCode } from './zookeeper-client.js';

/**
 * Makes the persistent, empty nodes above a path that are missing.
 * @throws ZooKeeperRefusal, or the signal's reason when it fires.
 */
export async function createParents(
  client: ZooKeeperClient,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const parts = path.split('/').slice(1, -1);
  for (const count of parts.keys()) {
    const parent = `/${parts.slice(0, count + 1).join('/')}`;
    // Asked first: creating what is there already is refused to an account that may not create beside it.
    const found = await abortable(client.exists(parent), signal);
    if (found.ok) continue;
    const made = await abortable(client.create(parent, Buffer.alloc(0)), signal);
    if (!made.ok && made.code !== zookeeperCode.nodeExists) throw new ZooKeeperRefusal(made.code);
  }
}
