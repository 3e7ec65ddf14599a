/**
 * The other end of src/zookeeper/packets.ts: what a server reads and writes (ZooKeeper, src/zookeeper.jute).
 * Pure: bytes in, values out.
 */
import { JuteReader, JuteWriter } from '../../../src/zookeeper/jute.js';
import type { NodeEvent, WriteRequest, Znode } from './zookeeper-tree.js';

/** The first packet of a connection. */
export type ConnectPacket = {
  readonly timeoutMs: number;
  readonly session: bigint;
  readonly password: Buffer;
};

export type ReadRequest =
  | { readonly kind: 'exists' | 'get'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'children'; readonly path: string };

/** Any packet behind it. */
export type ClientPacket = { readonly xid: number } & (
  | { readonly kind: 'write'; readonly request: WriteRequest }
  | { readonly kind: 'read'; readonly request: ReadRequest }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'auth'; readonly account: string }
);

/** ZooDefs.OpCode. */
const operations = {
  create: 1,
  delete: 2,
  exists: 3,
  get: 4,
  set: 5,
  children: 8,
  sync: 9,
  ping: 11,
  auth: 100,
  close: -11,
} as const;
/** CreateMode, as bits. */
const flags = { ephemeral: 1, sequential: 2 } as const;
const passwordBytes = 16;
/** Watcher.Event.KeeperState.SyncConnected. */
const connectedState = 3;
const changedXid = -1;

/** @throws JuteError, as all that follow. */
export function readConnect(packet: Buffer): ConnectPacket {
  const reader = new JuteReader(packet);
  reader.int();
  reader.long();
  return { timeoutMs: reader.int(), session: BigInt.asUintN(64, reader.long()), password: reader.buffer() };
}

/** What a client has sent. @param account whose nodes are that he makes for himself alone. */
export function readRequest(packet: Buffer, account: string | null): ClientPacket {
  const reader = new JuteReader(packet);
  const xid = reader.int();
  const type = reader.int();
  switch (type) {
    case operations.ping:
      return { xid, kind: 'ping' };
    case operations.auth:
      reader.int();
      reader.text();
      return { xid, kind: 'auth', account: reader.text() };
    case operations.close:
      return { xid, kind: 'write', request: { kind: 'end-session' } };
    case operations.sync:
      return { xid, kind: 'sync', path: reader.text() };
    case operations.exists:
    case operations.get: {
      const kind = type === operations.exists ? 'exists' : 'get';
      return { xid, kind: 'read', request: { kind, path: reader.text(), watch: packet.at(-1) === 1 } };
    }
    case operations.children:
      return { xid, kind: 'read', request: { kind: 'children', path: reader.text() } };
    default:
      return { xid, kind: 'write', request: readWrite(type, reader, account) };
  }
}

function readWrite(type: number, reader: JuteReader, account: string | null): WriteRequest {
  const path = reader.text();
  switch (type) {
    case operations.set:
      return { kind: 'set', path, data: reader.buffer(), version: reader.int() };
    case operations.delete:
      return { kind: 'delete', path, version: reader.int() };
    case operations.create: {
      const data = reader.buffer();
      // One entry, its permissions, and who has them: everybody, or whoever asks.
      reader.int();
      reader.int();
      const isOwn = reader.text() === 'auth';
      reader.text();
      const mode = reader.int();
      return {
        kind: 'create',
        path,
        data,
        account: isOwn ? account : null,
        ephemeral: (mode & flags.ephemeral) !== 0,
        sequential: (mode & flags.sequential) !== 0,
      };
    }
    default:
      throw new Error(`there is no operation ${String(type)} in this ZooKeeper`);
  }
}

/** The answer to a connect; a session of null is one that has expired. */
export function connectResponsePacket(
  session: { readonly id: bigint; readonly password: Buffer; readonly timeoutMs: number } | null,
): Buffer {
  return new JuteWriter()
    .int(0)
    .int(session?.timeoutMs ?? 0)
    .long(BigInt.asIntN(64, session?.id ?? 0n))
    .buffer(session?.password ?? Buffer.alloc(passwordBytes))
    .boolean(false)
    .packet();
}

/** An answer; `write` adds what it says when it is no error. */
export function replyPacket(
  { xid, zxid, code }: { readonly xid: number; readonly zxid: bigint; readonly code: number },
  write: (writer: JuteWriter) => void = () => undefined,
): Buffer {
  const writer = new JuteWriter().int(xid).long(zxid).int(code);
  if (code === 0) write(writer);
  return writer.packet();
}

/** Tells somebody who watches. */
export function eventPacket({ type, path }: NodeEvent): Buffer {
  return new JuteWriter().int(changedXid).long(-1n).int(0).int(type).int(connectedState).text(path).packet();
}

/** Adds what is known of a node. */
export function writeStat(writer: JuteWriter, node: Znode): void {
  writer.long(node.czxid).long(node.mzxid).long(0n).long(0n);
  // cversion counts children made and deleted.
  writer
    .int(node.version)
    .int(2 * node.childrenMade - node.children.size)
    .int(0);
  writer
    .long(BigInt.asIntN(64, node.owner ?? 0n))
    .int(node.data.length)
    .int(node.children.size)
    .long(node.czxid);
}
