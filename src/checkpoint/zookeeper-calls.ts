/**
 * What the agent and its ZooKeeper process say to each other, over the channel between them. Everything in it
 * survives structured cloning.
 */

/** Outcomes by ZooKeeper's numbers (KeeperException.Code), those that anything is decided by. */
export const zookeeperCode = {
  ok: 0,
  systemError: -1,
  connectionLoss: -4,
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

/** What can be asked of ZooKeeper. `create` makes a persistent node, whose parent must be there. */
export type ZooKeeperCall =
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'exists'; readonly path: string }
  | { readonly kind: 'get'; readonly path: string }
  | { readonly kind: 'create'; readonly path: string; readonly data: Uint8Array }
  | { readonly kind: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number };

/** What comes back for each. */
export type ZooKeeperValues = {
  readonly sync: null;
  readonly exists: ZnodeVersion;
  readonly get: Znode;
  readonly create: null;
  readonly set: ZnodeVersion;
};

/** To the process. */
export type Request =
  | { readonly type: 'connect'; readonly connect: string; readonly sessionTimeoutMs: number }
  | { readonly type: 'call'; readonly id: number; readonly call: ZooKeeperCall }
  | { readonly type: 'close' };

/** From the process. */
export type Answer =
  | { readonly type: 'connected' }
  | { readonly type: 'lost' }
  /** The package can't be loaded: it is compiled for each machine. */
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'value'; readonly id: number; readonly value: ZooKeeperValues[keyof ZooKeeperValues] }
  | { readonly type: 'code'; readonly id: number; readonly code: number };
