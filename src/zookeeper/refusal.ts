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

/**
 * The npm package zookeeper, which is optional, is not there or doesn't load.
 * @param reason what loading it said.
 */
export function noZooKeeperClient(reason: string): WaymarkError {
  // What Node says of a file that it can't load goes on for many lines.
  const [first = ''] = reason.split('\n');
  return new WaymarkError(
    'no-zookeeper-client',
    `The client for ZooKeeper, the npm package zookeeper, can't be loaded: ${first}`,
    { details: { package: 'zookeeper' } },
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
