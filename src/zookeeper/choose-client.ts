import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { NativeClientUnusable, ProcessConnection } from './process-connection.js';
import { SocketConnection } from './socket-connection.js';
import type { ConnectRequest } from './zookeeper-calls.js';
import { ZooKeeperClient } from './zookeeper-client.js';

/** Why this process can't use the native client. Null if it can, or hasn't tried yet. */
let nativeUnusable: NativeClientUnusable | null = null;

/** Returns why connections don't use the native client. Null as long as nothing speaks against it. */
export function whyNotNative(): string | null {
  return nativeUnusable?.message ?? null;
}

/**
 * Begins to connect, with the native client if it can be loaded, else with waymark's own. If the native
 * client can't be loaded, this process doesn't try again. Close or abandon the client in any case: it keeps
 * the process alive.
 *
 * Why the native client first: it is ZooKeeper's own, and known to work with ensembles of any age. So whoever
 * has it keeps it. waymark's own lacks only that record.
 * @param signal ends the wait for the native client's process.
 * @throws the signal's reason. An Error if the process has ended.
 */
export async function startClient(request: ConnectRequest, signal: AbortSignal): Promise<ZooKeeperClient> {
  // Messages of another process come at any time, like results of another thread. A simulated run must be the
  // same each time.
  if (nativeUnusable === null && runtime().hasThreads) {
    const connection = ProcessConnection.start(request);
    try {
      const ended = connection.lost.then(({ reason }) => {
        throw new Error(reason);
      });
      await abortable(Promise.race([connection.started, ended]), signal);
      return new ZooKeeperClient(connection);
    } catch (error) {
      await connection.abandon();
      if (!(error instanceof NativeClientUnusable)) throw error;
      nativeUnusable = error;
    }
  }
  return new ZooKeeperClient(SocketConnection.start(request));
}
