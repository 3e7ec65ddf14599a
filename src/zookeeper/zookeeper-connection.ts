import type { SessionKey, ZooKeeperCall, ZooKeeperValues } from './zookeeper-calls.js';

/** What the server said: a value, or the number of an error. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: number };

/** What any call may give. */
export type AnyValue = ZooKeeperValues[keyof ZooKeeperValues];

/** A session that stands: how to go on with it, and how long it may be silent (the servers keep that within bounds). */
export type Session = SessionKey & { readonly timeoutMs: number };

/**
 * Why a connection is over, in a word and for people: another one can go on with the session, or it is gone with all
 * that belonged to it.
 */
export type Loss = { readonly of: 'connection' | 'session'; readonly reason: string };

/** Who speaks with ZooKeeper: the npm package `zookeeper`, or waymark itself. */
export type ClientKind = 'native' | 'javascript';

/**
 * One connection to one of the servers, for as long as that lasts. When it breaks, another one can go on with the
 * session; nothing here connects anew, and so nobody has watches to set again: whoever watches is told that it is over.
 */
export type ZooKeeperConnection = {
  readonly kind: ClientKind;
  /** Resolves when the session stands; never when it doesn't come to that. */
  readonly connected: Promise<Session>;
  /** Resolves when the connection is lost, the session has expired, or close() or abandon() was called. */
  readonly lost: Promise<Loss>;
  /** @param changed called once, when what the call watches has changed since, or nobody can tell any more. */
  call(call: ZooKeeperCall, changed?: () => void): Promise<Reply<AnyValue>>;
  /** Ends the session; calls under way get `closing` for an answer. Resolves when nothing is left. */
  close(): Promise<void>;
  /** Leaves the session as it is, for another connection to go on with. Resolves when nothing is left. */
  abandon(): Promise<void>;
};
