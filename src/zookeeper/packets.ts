/**
 * The packets that ZooKeeper's clients and servers exchange, as far as the agent needs them (ZooKeeper,
 * src/zookeeper.jute. Numbers: ZooDefs.OpCode, Watcher.Event and ClientCnxn). Pure: bytes in, values out.
 */
import { JuteError, JuteReader, JuteWriter } from './jute.js';
import type {
  SessionKey,
  ZnodeKind,
  ZnodeVersion,
  ZooKeeperCall,
  ZooKeeperValues,
} from './zookeeper-calls.js';

/** The server's response to a connect request. `session` is null if the session to go on with has expired. */
export type ConnectResponse =
  { readonly session: SessionKey; readonly timeoutMs: number } | { readonly session: null };

/** A later packet of a server, told apart by its header. */
export type ServerPacket =
  | { readonly type: 'reply'; readonly xid: number; readonly code: number; readonly body: JuteReader }
  | { readonly type: 'ping' }
  | { readonly type: 'auth'; readonly code: number }
  /** A watched node has changed. Null: the event is about the connection. */
  | { readonly type: 'notification'; readonly path: string | null };

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
/** The special xids of notifications, pings and authentication (ClientCnxn). */
const xidOf = { notification: -1, ping: -2, auth: -4 } as const;
/** The type of events that are about the connection, not about a node (Watcher.Event.EventType.None). */
const sessionEvent = -1;
const anyVersion = -1;
const noPassword = Buffer.alloc(16);
const flagsOf: Readonly<Record<ZnodeKind, number>> = {
  persistent: 0,
  ephemeral: 1,
  'ephemeral-sequential': 3,
};
const allPermissions = 31;

/** Builds the first packet of a connection, a ConnectRequest. Without a session, a new one begins. */
export function connectPacket(session: SessionKey | null, timeoutMs: number): Buffer {
  return (
    new JuteWriter()
      .int(0)
      // The last zxid that the client has seen. Every connection begins with a sync, so it isn't needed.
      .long(0n)
      .int(timeoutMs)
      .long(session === null ? 0n : BigInt.asIntN(64, BigInt(`0x${session.id}`)))
      .buffer(session === null ? noPassword : Buffer.from(session.password, 'hex'))
      // Not read-only: the server must be part of a quorum.
      .boolean(false)
      .packet()
  );
}

/**
 * Reads a ConnectResponse.
 * @throws JuteError
 */
export function readConnectResponse(packet: Buffer): ConnectResponse {
  const reader = new JuteReader(packet);
  reader.int();
  const timeoutMs = reader.int();
  const id = BigInt.asUintN(64, reader.long()).toString(16);
  // The native client may go on with the session. It reads upper case only.
  const password = reader.buffer().toString('hex').toUpperCase();
  return timeoutMs <= 0 ? { session: null } : { session: { id, password }, timeoutMs };
}

/** Builds the packet that authenticates as `user:password`. */
export function authPacket(digest: string): Buffer {
  return head(xidOf.auth, operation.auth).int(0).text('digest').text(digest).packet();
}

/** Builds a ping, which keeps the session alive. */
export function pingPacket(): Buffer {
  return head(xidOf.ping, operation.ping).packet();
}

/** Builds the packet that ends the session. */
export function closePacket(xid: number): Buffer {
  return head(xid, operation.close).packet();
}

/**
 * Builds a request. If `protect` is set, only the authenticated account may use new nodes. Else everybody
 * may.
 */
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

/** Returns a path as the servers know it: below the chroot. */
export function serverPath(chroot: string, path: string): string {
  return chroot === '' ? path : path === '/' ? chroot : `${chroot}${path}`;
}

/**
 * Reads a packet that isn't the connect response.
 * @throws JuteError
 */
export function readServerPacket(packet: Buffer): ServerPacket {
  const body = new JuteReader(packet);
  const xid = body.int();
  body.long();
  const code = body.int();
  switch (xid) {
    case xidOf.ping:
      return { type: 'ping' };
    case xidOf.auth:
      return { type: 'auth', code };
    case xidOf.notification: {
      const event = body.int();
      body.int();
      return { type: 'notification', path: event === sessionEvent ? null : body.text() };
    }
    default:
      return { type: 'reply', xid, code, body };
  }
}

/**
 * Reads the value of a successful call.
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
  // mzxid, ctime and mtime come before the version.
  for (let between = 0; between < 3; between += 1) body.long();
  const version = body.int();
  // It takes two million elections of a leader to get there. Beyond 2^53, two nodes could look like one.
  if (!Number.isSafeInteger(czxid)) throw new JuteError('a czxid beyond 2^53');
  return { czxid, version };
}

function head(xid: number, type: number): JuteWriter {
  return new JuteWriter().int(xid).int(type);
}
