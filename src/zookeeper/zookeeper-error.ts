import { formatServers, type ZooKeeperAddress } from '../config/zookeeper-address.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { zookeeperCode } from './zookeeper-calls.js';
import type { Reply } from './zookeeper-client.js';

/** ZooKeeper answered with an error, or there was no answer. */
export class ZooKeeperError extends Error {
  override readonly name = 'ZooKeeperError';
  /** ZooKeeper's error code. */
  readonly code: number;

  constructor(code: number) {
    super(`ZooKeeper error ${code}${explanation(code)}`);
    this.code = code;
  }
}

/** There is no connection to ZooKeeper. The message says why. */
export class ZooKeeperDisconnected extends Error {
  override readonly name = 'ZooKeeperDisconnected';
}

/** Returns whether ZooKeeper, or the connection to it, caused an error. */
export function isOfZooKeeper(error: unknown): error is Error {
  return (
    error instanceof ZooKeeperError || error instanceof ZooKeeperDisconnected || error instanceof TimeOver
  );
}

/** Returns the error of a store in ZooKeeper that can't be used. */
export function unusableStoreError(
  code: 'checkpoint-store' | 'election-store',
  what: string,
  { address, path }: { readonly address: ZooKeeperAddress; readonly path: string },
  reason: string,
  cause?: unknown,
): WaymarkError {
  const servers = formatServers(address);
  return new WaymarkError(
    code,
    `${what} in ZooKeeper (${servers}, ${path}) can't be used: ${reason}. ` +
      'Check that ZooKeeper runs, has a leader, and can be reached from here.',
    { details: { servers, path }, ...(cause === undefined ? {} : { cause }) },
  );
}

/**
 * Returns a reply's value.
 * @throws ZooKeeperError
 */
export function valueOf<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw new ZooKeeperError(reply.code);
}

const unknownOutcomeCodes: ReadonlySet<number> = new Set([
  zookeeperCode.connectionLoss,
  zookeeperCode.operationTimeout,
  zookeeperCode.sessionExpired,
  zookeeperCode.sessionMoved,
  zookeeperCode.closing,
  zookeeperCode.systemError,
]);

/** Returns whether a code says nothing about whether the write was done. */
export function isOutcomeUnknown(code: number): boolean {
  return unknownOutcomeCodes.has(code);
}

function explanation(code: number): string {
  switch (code) {
    case zookeeperCode.connectionLoss:
      return ' (connection lost)';
    case zookeeperCode.operationTimeout:
      return ' (no answer in time)';
    case zookeeperCode.marshalling:
      return ' (the data are too large for one packet)';
    case zookeeperCode.sessionExpired:
      return ' (session expired)';
    case zookeeperCode.closing:
      return ' (connection closed)';
    case zookeeperCode.noAuth:
      return ' (not allowed: the ACL of the znode or its parent forbids it)';
    case zookeeperCode.authFailed:
      return ' (authentication failed)';
    case zookeeperCode.noNode:
      return ' (a parent znode is missing: does the path after the servers in "connect" exist?)';
    default:
      return '';
  }
}
