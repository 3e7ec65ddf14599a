import type { SessionKey, ZooKeeperCall, ZooKeeperValues } from './zookeeper-calls.js';

/** The server's reply to a call: a value, or an error code. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: number };

/** The value of any call. */
export type AnyValue = ZooKeeperValues[keyof ZooKeeperValues];

/**
 * An established session: how to go on with it, and how long it may be silent. The servers limit the timeout.
 */
export type Session = SessionKey & { readonly timeoutMs: number };

/**
 * Why a connection has ended, for code and for people. If the session has expired, its ephemeral nodes are
 * gone. If not, another connection can go on with it.
 */
export type ConnectionLoss = { readonly sessionExpired: boolean; readonly reason: string };

/** Which client holds a connection: the npm package `zookeeper`, or waymark's own. */
export type ClientKind = 'native' | 'javascript';

/**
 * One connection to one server, as long as it lasts.
 *
 * It never reconnects. After a loss, another connection can go on with the session. So watches need not be
 * set again: every watch is told when the connection ends.
 */
export type ZooKeeperConnection = {
  readonly kind: ClientKind;
  /** Resolves when the session is established. Stays pending if that never happens. */
  readonly connected: Promise<Session>;
  /** Resolves when the connection is lost, when the session has expired, or after close() or abandon(). */
  readonly lost: Promise<ConnectionLoss>;
  /** @param changed called once, when the watched node changes or the connection ends. */
  call(call: ZooKeeperCall, changed?: () => void): Promise<Reply<AnyValue>>;
  /** Ends the session. Pending calls get the code `closing`. Resolves when everything is released. */
  close(): Promise<void>;
  /**
   * Closes the connection. The session stays open for another connection. Resolves when everything is
   * released.
   */
  abandon(): Promise<void>;
};
