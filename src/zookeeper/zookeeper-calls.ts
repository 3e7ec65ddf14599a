/**
 * What is asked of ZooKeeper, and what the agent and the native client's process say to each other, over the channel
 * between them. Everything in it survives structured cloning.
 */
import type { ZooKeeperAddress } from '../config/zookeeper-address.js';

/** Outcomes by ZooKeeper's numbers (KeeperException.Code), those that anything is decided by. */
export const zookeeperCode = {
  ok: 0,
  systemError: -1,
  connectionLoss: -4,
  marshalling: -5,
  operationTimeout: -7,
  invalidState: -9,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  sessionExpired: -112,
  authFailed: -115,
  closing: -116,
  sessionMoved: -118,
} as const;

/** Which node, and which state of it. A node deleted and made again has another `czxid`. */
export type ZnodeVersion = { readonly czxid: number; readonly version: number };

/** A znode's content. */
type Znode = ZnodeVersion & { readonly data: Uint8Array };

/** How long a node lives: for ever, or as long as the session, then with a number behind its name if it is to have one. */
export type ZnodeKind = 'persistent' | 'ephemeral' | 'ephemeral-sequential';

/**
 * What can be asked of ZooKeeper. `create` makes a node, whose parent must be there, and gives its whole path. Where
 * `watch` is set, it is said once that something has changed since.
 */
export type ZooKeeperCall =
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'exists'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'get'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'children'; readonly path: string }
  | { readonly kind: 'create'; readonly path: string; readonly data: Uint8Array; readonly as: ZnodeKind }
  | { readonly kind: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string };

/** What comes back for each. */
export type ZooKeeperValues = {
  readonly sync: null;
  readonly exists: ZnodeVersion;
  readonly get: Znode;
  readonly children: readonly string[];
  readonly create: string;
  readonly set: ZnodeVersion;
  readonly delete: null;
};

/** A session: with it another connection can go on where one was lost. The password is the servers' own. */
export type SessionKey = { readonly id: string; readonly password: string };

/** How to connect. */
export type ConnectRequest = {
  /** IP addresses, not names: the native client would look these up synchronously. */
  readonly address: ZooKeeperAddress;
  readonly sessionTimeoutMs: number;
  /** `user:password`; nodes are then made for this account alone. */
  readonly digest: string | null;
  /** The session to go on with; null: a new one. */
  readonly session: SessionKey | null;
};

/** To the process. */
export type Request =
  | ({ readonly type: 'connect' } & ConnectRequest)
  | { readonly type: 'call'; readonly id: number; readonly call: ZooKeeperCall }
  | { readonly type: 'close' };

/** From the process. */
export type Answer =
  /** The process runs, and begins to connect. */
  | { readonly type: 'started' }
  | { readonly type: 'connected'; readonly session: SessionKey; readonly timeoutMs: number }
  | { readonly type: 'lost' }
  /** The session that we wanted to go on with, or had, is over: what belonged to it is gone. */
  | { readonly type: 'expired' }
  /** The package is not installed, or can't be loaded: it is compiled for each machine. */
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'value'; readonly id: number; readonly value: ZooKeeperValues[keyof ZooKeeperValues] }
  | { readonly type: 'code'; readonly id: number; readonly code: number }
  /** Something has changed that the call of that number watches. */
  | { readonly type: 'changed'; readonly id: number };
