import { formatServers } from '../config/zookeeper-address.js';
import { type SharedHandle, SharedPool } from '../util/shared.js';
import { ZooKeeperSession, type ZooKeeperSessionOptions } from './zookeeper-session.js';

const sessions = new SharedPool<ZooKeeperSession>();

/**
 * Returns this process's session with these servers, account and timeout.
 *
 * All streams, elections and checkpoints share it, and its one child process (see zookeeper-process.ts). It
 * logs to the first caller's logger.
 */
export function shareSession(options: ZooKeeperSessionOptions): SharedHandle<ZooKeeperSession> {
  const { address, auth, sessionTimeoutMs } = options;
  const account = auth === null ? [] : [auth.user, auth.password.reveal()];
  const key = JSON.stringify([formatServers(address), address.chroot, sessionTimeoutMs, account]);
  return sessions.share(key, () => {
    const session = new ZooKeeperSession(options);
    session.start();
    return session;
  });
}
