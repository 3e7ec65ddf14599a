/**
 * The calls to ZooKeeper, and the messages between the agent and the native client's process. Structured
 * cloning preserves all of it.
 */
import type { ZooKeeperAddress } from '../config/zookeeper-address.js';

/** ZooKeeper's error codes (KeeperException.Code) that code here depends on. */
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

/** A node's identity and its data version. A node that was deleted and created again has another `czxid`. */
export type ZnodeVersion = { readonly czxid: number; readonly version: number };

/** A znode's version and data. */
type Znode = ZnodeVersion & { readonly data: Uint8Array };

/**
 * How long a node lives: forever, or as long as its session. A sequential node gets a number after its name.
 */
export type ZnodeKind = 'persistent' | 'ephemeral' | 'ephemeral-sequential';

/**
 * A call to ZooKeeper. `create` creates a node below an existing parent, and returns its full path. `watch`
 * asks for one notification of the next change.
 */
export type ZooKeeperCall =
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'exists'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'get'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'children'; readonly path: string }
  | { readonly kind: 'create'; readonly path: string; readonly data: Uint8Array; readonly as: ZnodeKind }
  | { readonly kind: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string };

/** What each call returns. */
export type ZooKeeperValues = {
  readonly sync: null;
  readonly exists: ZnodeVersion;
  readonly get: Znode;
  readonly children: readonly string[];
  readonly create: string;
  readonly set: ZnodeVersion;
  readonly delete: null;
};

/** What it takes to go on with a session over another connection. The server chose the password. */
export type SessionKey = { readonly id: string; readonly password: string };

/** How to connect. */
export type ConnectRequest = {
  /** IP addresses, not names: the native client would look names up synchronously. */
  readonly address: ZooKeeperAddress;
  readonly sessionTimeoutMs: number;
  /** `user:password`. Then only this account may use the nodes that are created. */
  readonly digest: string | null;
  /** The session to go on with. Null: begin a new one. */
  readonly session: SessionKey | null;
};

/** A message from the agent to the process. */
export type MessageToProcess =
  | ({ readonly type: 'connect' } & ConnectRequest)
  | { readonly type: 'call'; readonly id: number; readonly call: ZooKeeperCall }
  | { readonly type: 'close' };

/** A message from the process to the agent. */
export type MessageFromProcess =
  /** The process runs, and begins to connect. */
  | { readonly type: 'started' }
  | { readonly type: 'connected'; readonly session: SessionKey; readonly timeoutMs: number }
  | { readonly type: 'lost' }
  /** The session has expired, and its ephemeral nodes are gone. */
  | { readonly type: 'expired' }
  /** The package is not installed, or can't be loaded: it is compiled for each machine. */
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'value'; readonly id: number; readonly value: ZooKeeperValues[keyof ZooKeeperValues] }
  | { readonly type: 'code'; readonly id: number; readonly code: number }
  /** Something that the call with this id watches has changed. */
  | { readonly type: 'changed'; readonly id: number };
