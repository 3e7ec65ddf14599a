/**
 * What a client and a server of ZooKeeper send to each other, as far as the agent needs it (ZooKeeper,
 * src/zookeeper.jute; numbers in ZooDefs.OpCode, Watcher.Event and ClientCnxn). Pure: bytes in, values out.
 */
import { JuteError, JuteReader, JuteWriter } from './jute.js';
import type {
  SessionKey,
  ZnodeKind,
  ZnodeVersion,
  ZooKeeperCall,
  ZooKeeperValues,
} from './zookeeper-calls.js';

/** The server's answer to a connect; `session` is null when the one that was to go on is over. */
export type Welcome =
  { readonly session: SessionKey; readonly timeoutMs: number } | { readonly session: null };

/** What a server sends afterwards, told apart by its head. */
export type ServerPacket =
  | { readonly type: 'reply'; readonly xid: number; readonly code: number; readonly body: JuteReader }
  | { readonly type: 'pong' }
  | { readonly type: 'authenticated'; readonly code: number }
  /** Something that is watched has changed; null: it is about the connection. */
  | { readonly type: 'changed'; readonly path: string | null };

const operation = {
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
/** Numbers that stand where a request's own would. */
const xidOf = { changed: -1, pong: -2, auth: -4 } as const;
/** The type of events that tell of the connection, not of a node. */
const sessionEvent = -1;
const anyVersion = -1;
const noPassword = Buffer.alloc(16);
const flagsOf: Readonly<Record<ZnodeKind, number>> = {
  persistent: 0,
  ephemeral: 1,
  'ephemeral-sequential': 3,
};
const allPermissions = 31;

/** The first packet of a connection; a session of null begins a new one. */
export function connectPacket(session: SessionKey | null, timeoutMs: number): Buffer {
  return (
    new JuteWriter()
      .int(0)
      // The last change that we have seen: nobody asks for it, since every connection begins with a sync.
      .long(0n)
      .int(timeoutMs)
      .long(session === null ? 0n : BigInt.asIntN(64, BigInt(`0x${session.id}`)))
      .buffer(session === null ? noPassword : Buffer.from(session.password, 'hex'))
      // A server without a leader is none.
      .boolean(false)
      .packet()
  );
}

/** @throws JuteError */
export function readWelcome(packet: Buffer): Welcome {
  const reader = new JuteReader(packet);
  reader.int();
  const timeoutMs = reader.int();
  const id = BigInt.asUintN(64, reader.long()).toString(16);
  // The native client, which may go on with the session, reads upper case only.
  const password = reader.buffer().toString('hex').toUpperCase();
  return timeoutMs <= 0 ? { session: null } : { session: { id, password }, timeoutMs };
}

/** Names the account, `user:password`. */
export function authPacket(digest: string): Buffer {
  return head(xidOf.auth, operation.auth).int(0).text('digest').text(digest).packet();
}

/** Shows that we live. */
export function pingPacket(): Buffer {
  return head(xidOf.pong, operation.ping).packet();
}

/** Ends the session. */
export function closePacket(xid: number): Buffer {
  return head(xid, operation.close).packet();
}

/** A request. Nodes are made for everybody, or, if `protect` is set, for the account that was named alone. */
export function callPacket(
  xid: number,
  call: ZooKeeperCall,
  { chroot, protect }: { readonly chroot: string; readonly protect: boolean },
): Buffer {
  const writer = head(xid, operation[call.kind]).text(serverPath(chroot, call.path));
  switch (call.kind) {
    case 'sync':
      return writer.packet();
    case 'exists':
    case 'get':
      return writer.boolean(call.watch).packet();
    case 'children':
      return writer.boolean(false).packet();
    case 'create': {
      const [scheme, id] = protect ? ['auth', ''] : ['world', 'anyone'];
      writer.buffer(call.data).int(1).int(allPermissions).text(scheme).text(id);
      return writer.int(flagsOf[call.as]).packet();
    }
    case 'set':
      return writer.buffer(call.data).int(call.version).packet();
    case 'delete':
      return writer.int(anyVersion).packet();
  }
}

/** A path as the servers know it. */
export function serverPath(chroot: string, path: string): string {
  return chroot === '' ? path : path === '/' ? chroot : `${chroot}${path}`;
}

/** @throws JuteError */
export function readServerPacket(packet: Buffer): ServerPacket {
  const body = new JuteReader(packet);
  const xid = body.int();
  body.long();
  const code = body.int();
  switch (xid) {
    case xidOf.pong:
      return { type: 'pong' };
    case xidOf.auth:
      return { type: 'authenticated', code };
    case xidOf.changed: {
      const event = body.int();
      body.int();
      return { type: 'changed', path: event === sessionEvent ? null : body.text() };
    }
    default:
      return { type: 'reply', xid, code, body };
  }
}

/**
 * The value in the answer to a call that succeeded.
 * @throws JuteError
 */
export function readValue(
  kind: ZooKeeperCall['kind'],
  body: JuteReader,
): ZooKeeperValues[keyof ZooKeeperValues] {
  switch (kind) {
    case 'sync':
    case 'delete':
      return null;
    case 'exists':
    case 'set':
      return readStat(body);
    case 'get': {
      const data = body.buffer();
      return { ...readStat(body), data };
    }
    case 'children':
      return body.texts();
    case 'create':
      return body.text();
  }
}

function readStat(body: JuteReader): ZnodeVersion {
  const czxid = Number(body.long());
  // mzxid, ctime and mtime lie before the version.
  for (let between = 0; between < 3; between += 1) body.long();
  const version = body.int();
  // Two million leaders elected on the same data: beyond that two nodes could look like one.
  if (!Number.isSafeInteger(czxid)) throw new JuteError('a czxid beyond 2^53');
  return { czxid, version };
}

function head(xid: number, type: number): JuteWriter {
  return new JuteWriter().int(xid).int(type);
}
