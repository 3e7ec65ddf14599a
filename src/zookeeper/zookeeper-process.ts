/**
 * The process that holds the connection to ZooKeeper. It is a child of the agent. It runs only the native
 * client of the package `zookeeper`, which is loaded nowhere else (see native-client.ts).
 *
 * Why a process: after a failed connect, even seconds later, the client (7.3.0) tells the event loop to
 * forget a socket's descriptor that it has already closed (src/node-zk.cpp, `yield`). Whatever has the same
 * descriptor by then receives nothing any more, or libuv aborts. In an agent that would be the stream. Here
 * nothing else opens descriptors. And a crash of the client ends only this process.
 *
 * The session is the agent's, not this process's. If the agent has sent nothing for the session timeout, it
 * is frozen. Then this process ends the session, although it could keep it alive.
 */
import type { ZooKeeperAddress } from '../config/zookeeper-address.js';
import {
  type DataCallback,
  loadNativeClient,
  type NativeClient,
  type StatCallback,
  type WatchCallback,
} from './native-client.js';
import type {
  ConnectRequest,
  MessageFromProcess,
  MessageToProcess,
  ZnodeKind,
  ZnodeVersion,
  ZooKeeperCall,
  ZooKeeperValues,
} from './zookeeper-calls.js';

type Done = (code: number, value: () => ZooKeeperValues[keyof ZooKeeperValues]) => void;

/** The native client's log level at which it writes nothing to stderr. */
const silent = 0;
const ok = 0;
const noNode = -101;
const systemError = -1;
const sessionExpired = -112;
/** The type of events that are about the connection, not about a node (ZOO_SESSION_EVENT in zookeeper.h). */
const sessionEvent = -1;
const anyVersion = -1;
/** ZOO_EPHEMERAL is 1, ZOO_SEQUENCE is 2. */
const flagsOf: Readonly<Record<ZnodeKind, number>> = {
  persistent: 0,
  ephemeral: 1,
  'ephemeral-sequential': 3,
};
/** All permissions (31) for the authenticated account, and none for others. */
const creatorOnly = [{ perms: 31, scheme: 'auth', auth: '' }];

let client: NativeClient | null = null;
let wasConnected = false;
let protect = false;
let silenceTimer: NodeJS.Timeout | undefined;

process.on('message', (request: MessageToProcess) => {
  silenceTimer?.refresh();
  switch (request.type) {
    case 'connect':
      // Not earlier than the servers would end the session of a silent agent.
      silenceTimer = setTimeout(end, request.sessionTimeoutMs);
      connect(request);
      return;
    case 'call':
      call(request.id, request.call);
      return;
    case 'close':
      end();
  }
});
// The agent has died, so nobody needs this process.
process.on('disconnect', end);
// The agent handles signals itself. It still has a checkpoint to save.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

function connect({ address, sessionTimeoutMs, digest, session }: ConnectRequest): void {
  try {
    const native = new (loadNativeClient())({});
    client = native;
    tell({ type: 'started' });
    protect = digest !== null;
    native.on('connect', () => {
      connected(native);
    });
    native.on('connecting', () => {
      if (wasConnected) tell({ type: 'lost' });
    });
    native.on('close', (_client, code) => {
      tell({ type: code === sessionExpired ? 'expired' : 'lost' });
    });
    native.init({
      connect: connectString(address),
      timeout: sessionTimeoutMs,
      debug_level: silent,
      host_order_deterministic: false,
      ...(session === null ? {} : { client_id: session.id, client_password: session.password }),
    });
    // The client keeps this until it is connected, and sends it before anything else.
    if (digest !== null) native.add_auth('digest', digest, () => undefined);
  } catch (error) {
    tell({ type: 'unusable', reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Returns the servers in the client's form. It splits at the last colon, and knows no brackets. */
function connectString({ servers, chroot }: ZooKeeperAddress): string {
  return `${servers.map(({ host, port }) => `${host}:${String(port)}`).join(',')}${chroot}`;
}

function connected(native: NativeClient): void {
  wasConnected = true;
  tell({
    type: 'connected',
    session: { id: String(native.client_id), password: String(native.client_password) },
    timeoutMs: native.timeout,
  });
}

function call(id: number, request: ZooKeeperCall): void {
  const native = client;
  if (native === null) return;
  const done: Done = (code, value) => {
    tell(code === ok ? { type: 'value', id, value: value() } : { type: 'code', id, code });
  };
  const changed: WatchCallback = (type) => {
    if (type !== sessionEvent) tell({ type: 'changed', id });
  };
  const code = send(native, request, done, changed);
  // The call wasn't sent: then the native client returns the code, and never calls back.
  if (typeof code === 'number' && code !== ok) tell({ type: 'code', id, code });
}

function send(native: NativeClient, request: ZooKeeperCall, done: Done, changed: WatchCallback): unknown {
  const { path } = request;
  const stat: StatCallback = (code, _text, found) => {
    done(code, () => versionOf(found));
  };
  const plain = (code: number): void => {
    done(code, () => null);
  };
  switch (request.kind) {
    case 'sync':
      return native.a_sync(path, plain);
    case 'exists':
      return request.watch ? native.aw_exists(path, changed, stat) : native.a_exists(path, false, stat);
    case 'get': {
      const data: DataCallback = (code, _text, found, content) => {
        // A node without data comes as null.
        done(code, () => ({
          ...versionOf(found),
          data: Buffer.isBuffer(content) ? content : Buffer.alloc(0),
        }));
      };
      return request.watch ? native.aw_get(path, changed, data) : native.a_get(path, false, data);
    }
    case 'children':
      return native.a_get_children(path, false, (code, _text, names) => {
        done(code, () => (Array.isArray(names) ? names.map(String) : []));
      });
    case 'create':
      return native.a_create(path, Buffer.from(request.data), flagsOf[request.as], (code, _text, made) => {
        if (code === ok && protect) setImmediate(protectNode, native, String(made), done);
        else done(code, () => String(made));
      });
    case 'set':
      return native.a_set(path, Buffer.from(request.data), request.version, stat);
    case 'delete':
      return native.a_delete_(path, anyVersion, plain);
  }
}

/** Protects a new node. The package creates every node open to everybody (src/node-zk.cpp, ACreate). */
function protectNode(native: NativeClient, path: string, done: Done): void {
  const code = native.a_set_acl(path, anyVersion, creatorOnly, (outcome) => {
    // Somebody has deleted it already. It was ephemeral.
    done(outcome === noNode ? ok : outcome, () => path);
  });
  if (typeof code === 'number' && code !== ok) done(systemError, () => path);
}

function tell(message: MessageFromProcess): void {
  // If the channel is gone, so is the agent. Then this process ends by itself.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Closes the session, which takes up to 1.5 s if ZooKeeper hangs, and exits. */
function end(): void {
  client?.close();
  process.exit();
}

function versionOf(stat: unknown): ZnodeVersion {
  if (typeof stat === 'object' && stat !== null && 'czxid' in stat && 'version' in stat) {
    const { czxid, version } = stat;
    if (typeof czxid === 'number' && typeof version === 'number') return { czxid, version };
  }
  // The pinned package never does this. A made-up version would break compare-and-set.
  throw new TypeError('the native ZooKeeper client returned no Stat');
}
