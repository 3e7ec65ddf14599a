import { formatServers, type ZooKeeperAddress } from '../config/zookeeper-address.js';
import { WaymarkError } from '../util/errors.js';
import { TimeOver } from '../util/limits.js';
import { zookeeperCode } from './zookeeper-calls.js';
import type { Reply } from './zookeeper-client.js';

/** ZooKeeper refused something, or didn't answer. */
export class ZooKeeperRefusal extends Error {
  override readonly name = 'ZooKeeperRefusal';
  /** ZooKeeper's number for it. */
  readonly code: number;

  constructor(code: number) {
    super(`ZooKeeper answered ${code}${explanation(code)}`);
    this.code = code;
  }
}

/** There is no connection to ZooKeeper; the message says why. */
export class ZooKeeperAway extends Error {
  override readonly name = 'ZooKeeperAway';
}

/** Whether ZooKeeper, or the way to it, has caused an error: it refused, is away, or didn't answer in time. */
export function isOfZooKeeper(error: unknown): error is Error {
  return error instanceof ZooKeeperRefusal || error instanceof ZooKeeperAway || error instanceof TimeOver;
}

/** The error of whoever can't use what is kept in ZooKeeper below a path. */
export function unusable(
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
 * What was asked for.
 * @throws ZooKeeperRefusal
 */
export function valueOf<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw new ZooKeeperRefusal(reply.code);
}

const openCodes: ReadonlySet<number> = new Set([
  zookeeperCode.connectionLoss,
  zookeeperCode.operationTimeout,
  zookeeperCode.sessionExpired,
  zookeeperCode.sessionMoved,
  zookeeperCode.closing,
  zookeeperCode.systemError,
]);

/** Whether an answer leaves open whether a write was done. */
export function leavesOpen(code: number): boolean {
  return openCodes.has(code);
}

function explanation(code: number): string {
  switch (code) {
    case zookeeperCode.connectionLoss:
      return ' (connection lost)';
    case zookeeperCode.operationTimeout:
      return ' (no answer in time)';
    case zookeeperCode.marshalling:
      return ' (more than it takes in one packet)';
    case zookeeperCode.sessionExpired:
      return ' (session expired)';
    case zookeeperCode.closing:
      return ' (connection closed)';
    case zookeeperCode.noAuth:
      return ' (not allowed: the ACL of the znode or its parent forbids it)';
    case zookeeperCode.authFailed:
      return ' (authentication failed)';
    case zookeeperCode.noNode:
      return ' (a parent znode is missing: does the path behind the servers in "connect" exist?)';
    default:
      return '';
  }
}
