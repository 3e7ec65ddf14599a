import { runtime } from '../runtime/runtime.js';
import { abortable } from '../util/abortable.js';
import { NativeClientUnusable, ProcessConnection } from './process-connection.js';
import { SocketConnection } from './socket-connection.js';
import type { ConnectRequest } from './zookeeper-calls.js';
import { ZooKeeperClient } from './zookeeper-client.js';

/** Why this process does without the native client; null: it doesn't, or hasn't tried yet. */
let unusable: NativeClientUnusable | null = null;

/** Why connections are made without the native client, once that is known; null: it is used where there is one. */
export function whyNotNative(): string | null {
  return unusable?.message ?? null;
}

/**
 * Begins to connect, by the native client where it can be loaded, else by waymark's own; what was found out holds for as
 * long as this process lives. The client must be closed or abandoned in any case: it keeps the process alive.
 *
 * Why the native one first: it is ZooKeeper's own, and known to work in ensembles of any age; so it stays where people
 * have it. What the other one lacks is nothing but that record.
 * @param signal ends the wait for the native client's process.
 * @throws the signal's reason; an Error when the process has ended.
 */
export async function startClient(request: ConnectRequest, signal: AbortSignal): Promise<ZooKeeperClient> {
  // What another process says comes when it will, as from another thread.
  if (unusable === null && runtime().hasThreads) {
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
      unusable = error;
    }
  }
  return new ZooKeeperClient(SocketConnection.start(request));
}
